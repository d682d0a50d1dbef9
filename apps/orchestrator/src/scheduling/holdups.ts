import type { Awaited } from "./placement.js";

interface Holdup {
  awaits: Awaited;
  timer: NodeJS.Timeout | undefined;
}

/** Jobs that wait for something, each thing by its code. */
export class Holdups {
  private readonly byJob = new Map<string, Map<string, Holdup>>();

  /** @param onEnded called when a job need not wait for something any more. */
  constructor(private readonly onEnded: () => void) {}

  /** Lets a job wait, at most for so long (milliseconds, below 2^31), or until {@link end} where that is not given. */
  add(jobId: string, awaits: Awaited, forMs?: number): void {
    if (forMs !== undefined && forMs <= 0) return;
    const ofJob = this.byJob.get(jobId) ?? new Map<string, Holdup>();
    this.byJob.set(jobId, ofJob);
    clearTimeout(ofJob.get(awaits.code)?.timer);
    const timer = forMs === undefined ? undefined : setTimeout(() => this.end(jobId, awaits.code), forMs);
    timer?.unref();
    ofJob.set(awaits.code, { awaits, timer });
  }

  end(jobId: string, code: string): void {
    const ofJob = this.byJob.get(jobId);
    const holdup = ofJob?.get(code);
    if (ofJob === undefined || holdup === undefined) return;
    clearTimeout(holdup.timer);
    ofJob.delete(code);
    if (ofJob.size === 0) this.byJob.delete(jobId);
    this.onEnded();
  }

  /** What a job waits for first: what no agent can go without before what some can. */
  of(jobId: string): Awaited | undefined {
    const ofJob = this.byJob.get(jobId);
    if (ofJob === undefined) return undefined;
    const all = [...ofJob.values()].map(({ awaits }) => awaits);
    return all.find(({ feature }) => feature === undefined) ?? all[0];
  }
}
