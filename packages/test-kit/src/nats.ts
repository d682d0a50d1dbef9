import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { freePort } from "./free-port.js";
import { temporaryFolder } from "./temporary-folder.js";
import { waitFor } from "./wait-for.js";

/** A real nats-server of one test, with JetStream. */
export interface NatsServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Ends it at once; its data stays for `start`. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data. */
  start(): Promise<void>;
  /** Freezes it, or lets it go on. */
  signal(name: "SIGSTOP" | "SIGCONT"): void;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

/** Starts the machine's nats-server on a free port, with its data in a temporary folder. */
export async function startNats(): Promise<NatsServer> {
  const port = await freePort();
  const folder = await temporaryFolder("sc-nats-");
  let child: ChildProcess | undefined;

  const start = async () => {
    const started = spawn("nats-server", ["-a", "127.0.0.1", "-p", String(port), "-js", "-sd", folder.path], {
      stdio: "ignore",
      // Debian keeps it where only root looks for commands.
      // biome-ignore lint/style/noProcessEnv: where programs are is the environment's to say.
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
    });
    started.on("error", () => {}); // Told by the wait below.
    child = started;
    await waitFor(() => answers(port), { what: "nats-server to listen (apt-get install nats-server)" });
  };
  const kill = async () => {
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  };
  const stop = async () => {
    await kill();
    await folder.remove();
  };
  await start();
  return {
    ...{ url: `nats://127.0.0.1:${port}`, port, start, kill, stop },
    signal: (name) => {
      child?.kill(name);
    },
    [Symbol.asyncDispose]: stop,
  };
}

/** A server of NATS speaks first (https://docs.nats.io/reference/reference-protocols/nats-protocol). */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const end = (value: boolean) => {
      socket.destroy();
      resolve(value);
    };
    socket.setTimeout(1000, () => end(false));
    socket.once("data", (data) => end(data.toString().startsWith("INFO")));
    socket.once("error", () => end(false));
  });
}
