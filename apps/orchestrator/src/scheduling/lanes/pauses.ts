import TinyQueue from "tinyqueue";

/** What is to come at a moment. */
interface Paused {
  readonly readyAtMs: number;
}

/** Jobs whose pause is not over yet, the next one first. */
export class Pauses<Job extends Paused> {
  private readonly jobs = new Set<Job>();
  private readonly queue = new TinyQueue<Job>([], (a, b) => a.readyAtMs - b.readyAtMs);

  has(job: Job): boolean {
    return this.jobs.has(job);
  }

  add(job: Job): void {
    if (this.jobs.has(job)) return;
    this.jobs.add(job);
    this.queue.push(job);
  }

  /** It stays in the queue until its moment, which finds it gone. */
  remove(job: Job): void {
    this.jobs.delete(job);
  }

  /** Jobs whose pause is over by now, and when the next one's is. */
  end(nowMs: number): { over: Job[]; nextAtMs: number } {
    const over: Job[] = [];
    for (let next = this.queue.peek(); next !== undefined; next = this.queue.peek()) {
      if (this.jobs.has(next) && next.readyAtMs > nowMs) return { over, nextAtMs: next.readyAtMs };
      this.queue.pop();
      if (this.jobs.delete(next)) over.push(next);
    }
    return { over, nextAtMs: Number.POSITIVE_INFINITY };
  }
}
