import type { WebSocket } from "ws";

/** Messages of one agent that are taken in a second: far more than a busy agent sends. */
const MAX_PER_SECOND = 2000;

/**
 * Keeps one agent from using up the orchestrator: a socket that sends more than its share is not read until the second is
 * over. What it sends meanwhile waits in the agent's own buffers (TCP flow control); nothing is lost, and nobody else waits.
 */
export class Pace {
  private taken = 0;
  private windowEndsMs = 0;
  private resuming: NodeJS.Timeout | undefined;

  constructor(private readonly socket: WebSocket) {
    socket.once("close", () => clearTimeout(this.resuming));
  }

  /** Counts a message, and stops the reading where it was one too many. */
  count(): void {
    const now = performance.now();
    if (now >= this.windowEndsMs) {
      this.windowEndsMs = now + 1000;
      this.taken = 0;
    }
    this.taken += 1;
    if (this.taken !== MAX_PER_SECOND) return;
    this.socket.pause();
    this.resuming = setTimeout(() => this.socket.resume(), this.windowEndsMs - now);
  }
}
