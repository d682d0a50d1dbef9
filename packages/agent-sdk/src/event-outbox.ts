import type { JobRef } from "./types.js";

interface Entry {
  text: string;
  /** Number of the ping whose answer says that this has arrived; undefined: not sent on the present connection. */
  mark: number | undefined;
}

interface Queue {
  entries: Entry[];
  /** Events that were never sent and had to go. */
  dropped: number;
}

export interface OutboxLimits {
  /** Events of one job. */
  perJob: number;
  /** Length of all texts together. */
  total: number;
}
export const OUTBOX_LIMITS: OutboxLimits = { perJob: 200, total: 8 * 1_048_576 };

const keyOf = ({ jobId, epoch }: JobRef) => `${epoch ?? ""}|${jobId}`;

/**
 * Events of jobs that may not have arrived, in their order. One that is sent stays until a later ping is answered: a
 * connection that is dead without knowing it takes everything and delivers nothing. After a loss the rest is sent again,
 * with the message ids of the first time.
 *
 * Where a job has too many, the oldest go: first those that were sent at least once, then, counted, those that were not.
 */
export class EventOutbox {
  private readonly queues = new Map<string, Queue>();
  private length = 0;

  constructor(private readonly limits: OutboxLimits = OUTBOX_LIMITS) {}

  add(job: JobRef, text: string): void {
    const key = keyOf(job);
    const queue = this.queues.get(key) ?? { entries: [], dropped: 0 };
    this.queues.set(key, queue);
    queue.entries.push({ text, mark: undefined });
    this.length += text.length;
    while (queue.entries.length > this.limits.perJob) this.dropOldest(queue);
    for (const other of this.queues.values())
      while (this.length > this.limits.total && other.entries.length > 0) this.dropOldest(other);
  }

  /** Whether something of the job waits to be sent. */
  hasUnsent(job: JobRef): boolean {
    return this.queues.get(keyOf(job))?.entries.some(({ mark }) => mark === undefined) ?? false;
  }

  /**
   * Sends what of the job has not been sent on this connection.
   *
   * @param mark number of the next ping.
   * @param send false where it could not go out; the rest then stays.
   * @param dropped makes the event that stands for those that are missing before the rest.
   */
  flush(job: JobRef, mark: number, send: (text: string) => boolean, dropped: (count: number) => string): void {
    const queue = this.queues.get(keyOf(job));
    if (queue === undefined) return;
    if (queue.dropped > 0 && send(dropped(queue.dropped))) queue.dropped = 0;
    for (const entry of queue.entries) {
      if (entry.mark !== undefined) continue;
      if (!send(entry.text)) return;
      entry.mark = mark;
    }
  }

  /** The ping of that number was answered: what was sent before it has arrived. */
  arrived(mark: number): void {
    for (const [key, queue] of this.queues) {
      const rest: Entry[] = [];
      for (const entry of queue.entries) {
        if (entry.mark === undefined || entry.mark > mark) rest.push(entry);
        else this.length -= entry.text.length;
      }
      queue.entries = rest;
      if (rest.length === 0 && queue.dropped === 0) this.queues.delete(key);
    }
  }

  /** A new connection begins, on which nothing has been sent. */
  forgetSent(): void {
    for (const { entries } of this.queues.values()) for (const entry of entries) entry.mark = undefined;
  }

  /** The job is over for the orchestrator too. */
  forget(job: JobRef): void {
    const queue = this.queues.get(keyOf(job));
    for (const { text } of queue?.entries ?? []) this.length -= text.length;
    this.queues.delete(keyOf(job));
  }

  private dropOldest(queue: Queue): void {
    const sent = queue.entries.findIndex(({ mark }) => mark !== undefined);
    const [gone] = queue.entries.splice(Math.max(0, sent), 1);
    if (gone === undefined) return;
    this.length -= gone.text.length;
    if (sent < 0) queue.dropped += 1;
  }
}
