import type { ErrorInfo } from "@stream-control/protocol";

/** Results kept at most. */
const MAX_RESULTS = 1000;

/** Results of commands by their id, so that one that is repeated is answered the same way and not carried out twice. */
export class CommandMemory {
  private readonly running = new Map<string, Promise<ErrorInfo | undefined>>();
  private readonly results = new Map<string, ErrorInfo | undefined>();

  /** What that command came to, or will; undefined where it is new. */
  find(key: string): Promise<ErrorInfo | undefined> | undefined {
    return this.running.get(key) ?? (this.results.has(key) ? Promise.resolve(this.results.get(key)) : undefined);
  }

  /** Keeps the result of a command that has begun; the promise must not reject. */
  async keep(key: string, result: Promise<ErrorInfo | undefined>): Promise<void> {
    this.running.set(key, result);
    this.results.set(key, await result);
    this.running.delete(key);
    for (const [oldest] of this.results) {
      if (this.results.size <= MAX_RESULTS) break;
      this.results.delete(oldest);
    }
  }
}
