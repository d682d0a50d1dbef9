import type { YouTubeReason } from "./errors.js";

/** What can go wrong with one request. */
export type Fault =
  /** A documented refusal. */
  | { kind: "error"; reason: YouTubeReason; status?: number }
  /** An answer that is none of the documented ones, such as of a proxy in between. */
  | { kind: "garbage"; status: number; body: string }
  /** No answer ever comes. */
  | { kind: "hang" }
  /** The connection breaks before anything was done. */
  | { kind: "drop" }
  /** What was asked for is done, and the connection breaks before the answer. */
  | { kind: "drop-after" }
  /** What is asked for is done, and no answer ever comes. */
  | { kind: "hang-after" };

interface Planned {
  method: string;
  fault: Fault;
  times: number;
}

/** What is planned to go wrong. */
export class Faults {
  private readonly planned: Planned[] = [];

  /**
   * The next calls of a method go wrong.
   *
   * @param method such as `liveBroadcasts.insert` or `token`; `*` is every one of the API.
   * @returns ends it.
   */
  plan(method: string, fault: Fault, times = 1): () => void {
    const planned = { method, fault, times };
    this.planned.push(planned);
    return () => {
      planned.times = 0;
    };
  }

  take(method: string): Fault | undefined {
    const found = this.planned.find(
      ({ method: wanted, times }) => times > 0 && (wanted === method || (wanted === "*" && method.includes("."))),
    );
    if (found === undefined) return undefined;
    found.times -= 1;
    return found.fault;
  }
}
