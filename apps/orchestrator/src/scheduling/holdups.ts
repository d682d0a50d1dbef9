import type { Awaited } from "./placement.js";

/** Jobs for which something is being made, each for a bounded time. */
export class Holdups {
  private readonly byJob = new Map<string, { awaits: Awaited; timer: NodeJS.Timeout }>();

  /** @param onEnded called when a job need not wait any more. */
  constructor(private readonly onEnded: () => void) {}

  /** Lets a job wait, at most for so long. */
  add(jobId: string, awaits: Awaited, forMs: number): void {
    if (forMs <= 0) return;
    clearTimeout(this.byJob.get(jobId)?.timer);
    const timer = setTimeout(() => this.end(jobId), forMs);
    timer.unref();
    this.byJob.set(jobId, { awaits, timer });
  }

  end(jobId: string): void {
    const holdup = this.byJob.get(jobId);
    if (holdup === undefined) return;
    clearTimeout(holdup.timer);
    this.byJob.delete(jobId);
    this.onEnded();
  }

  of(jobId: string): Awaited | undefined {
    return this.byJob.get(jobId)?.awaits;
  }
}
