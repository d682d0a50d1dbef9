import type { Clock } from "./clock.js";
import type { AgentLogger } from "./types.js";

const WINDOW_MS = 10_000;
const PER_WINDOW = 50;

/** Lets so much be said about wrong messages, and no more: an orchestrator that is not well must not fill a disk. */
export class Complaints {
  private since = Number.NEGATIVE_INFINITY;
  private count = 0;

  constructor(
    private readonly now: Clock,
    private readonly logger: AgentLogger,
  ) {}

  /** Whether the next one may be said. */
  pass(): boolean {
    const now = this.now();
    if (now - this.since >= WINDOW_MS) {
      const omitted = this.count - PER_WINDOW;
      if (omitted > 0) this.logger.warn({ omitted }, "more messages of the orchestrator were ignored");
      this.since = now;
      this.count = 0;
    }
    this.count += 1;
    return this.count <= PER_WINDOW;
  }
}
