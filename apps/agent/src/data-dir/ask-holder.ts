import { connect } from "node:net";

/** Whoever listens on a claim. */
export interface Holder {
  /** Its process id, or `unknown`. */
  pid: string;
  /** It does not have the folder yet. */
  isStarting: boolean;
}

/** Longest wait for an answer: an agent that is frozen gives none, and still has its folder. */
const ANSWER_MS = 1000;
const LONGEST_ANSWER = 100;

/** Asks a claim's socket whose it is; undefined where nobody listens. */
export async function askHolder(path: string): Promise<Holder | undefined> {
  const { promise, resolve } = Promise.withResolvers<Holder | undefined>();
  const socket = connect(path);
  let said = "";
  let isThere = false;
  const timer = setTimeout(() => socket.destroy(), ANSWER_MS);
  socket.on("connect", () => {
    isThere = true;
  });
  socket.on("data", (data) => {
    said += data.toString();
    if (said.length > LONGEST_ANSWER) socket.destroy();
  });
  socket.on("error", () => socket.destroy());
  socket.on("close", () => {
    const [, state, pid = "unknown"] = /^(starting|held) (\d+)\n$/.exec(said) ?? [];
    resolve(isThere ? { pid, isStarting: state === "starting" } : undefined);
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}
