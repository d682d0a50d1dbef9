import type { Watched } from "../live/watcher.js";
import type { QuotaBudget } from "../quota/budget.js";
import type { Broadcast } from "./broadcast.js";
import type { BroadcastRows } from "./broadcast-rows.js";
import { type Tracked, track } from "./tracked.js";

export interface BookOptions {
  rows: BroadcastRows;
  budget: QuotaBudget;
  now: () => Date;
}

/** The broadcasts that have not ended, and their only writer. */
export class Book {
  private readonly open = new Map<string, Tracked>();
  private readonly byJob = new Map<string, string>();
  /** Broadcasts of jobs that are just being submitted. */
  private readonly expected = new Map<string, Tracked>();
  private readonly listeners = new Set<(broadcast: Broadcast) => void>();

  constructor(private readonly options: BookOptions) {}

  /** Every broadcast that has not ended. */
  *broadcasts(): Generator<Broadcast> {
    for (const { broadcast } of this.open.values()) yield broadcast;
    for (const { broadcast } of this.expected.values()) if (!this.open.has(broadcast.id)) yield broadcast;
  }

  /** Those that are on air. */
  *live(): Generator<readonly [string, Watched]> {
    for (const [id, { broadcast }] of this.open)
      if (broadcast.state === "live" && broadcast.broadcastId !== null) yield [id, watchedOf(broadcast)];
  }

  get ids(): readonly string[] {
    return [...this.open.keys()];
  }

  get(id: string): Tracked | undefined {
    return this.open.get(id);
  }
  ofJob(jobId: string): Tracked | undefined {
    return this.open.get(this.byJob.get(jobId) ?? "");
  }

  /** Who sees the broadcast that a job has or is about to have; undefined where there is none that has not ended. */
  privacyOf(jobId: string): string | undefined {
    return (this.expected.get(jobId) ?? this.ofJob(jobId))?.broadcast.privacy;
  }

  /** By YouTube's id or ours. */
  find(id: string): Broadcast | undefined {
    return this.open.get(id)?.broadcast ?? [...this.broadcasts()].find(({ broadcastId }) => broadcastId === id);
  }

  /** What YouTube last said of the state of its life; null where it was not asked. */
  lifeCycleOf(id: string): string | null {
    return this.open.get(id)?.lastLifeCycle ?? null;
  }

  /** Whether a kept stream key belongs to a broadcast that has not ended: one picture can't be two streams'. */
  isKeyInUse(sheetKey: string): boolean {
    return [...this.broadcasts()].some((one) => one.keepsStream && one.sheetKey === sheetKey);
  }

  /** Calls the listener with every broadcast that was changed, after that is on disk. */
  onChange(listener: (broadcast: Broadcast) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** A broadcast that is being written together with its job; {@link cancel} where that fails. */
  expect(jobId: string, broadcast: Broadcast): void {
    this.expected.set(jobId, this.open.get(broadcast.id) ?? track(broadcast, undefined));
  }
  cancel(jobId: string): void {
    this.expected.delete(jobId);
  }
  /** The job is on disk, and so is that the broadcast is its own. */
  arrived(jobId: string): Tracked | undefined {
    const tracked = this.expected.get(jobId);
    this.expected.delete(jobId);
    return tracked;
  }

  take(tracked: Tracked): void {
    const { broadcast } = tracked;
    this.open.set(broadcast.id, tracked);
    if (broadcast.jobId !== null) this.byJob.set(broadcast.jobId, broadcast.id);
    this.changed(tracked);
  }

  /** Takes in a broadcast that has no job yet. Resolves when it is on disk. */
  async add(broadcast: Broadcast): Promise<void> {
    await this.options.rows.add(broadcast);
    this.take(track(broadcast, undefined));
  }

  /** Its job is none of its business any more. */
  part({ broadcast }: Tracked): void {
    if (broadcast.jobId !== null) this.byJob.delete(broadcast.jobId);
  }

  /** Resolves when the changes are on disk. They are written one after another, each over what the last one left. */
  save(tracked: Tracked, changes: Partial<Broadcast>): Promise<void> {
    const saved = tracked.writing
      .catch(() => undefined)
      .then(async () => {
        const next = { ...tracked.broadcast, ...changes, updatedAt: this.options.now().toISOString() };
        await this.options.rows.save(next);
        Object.assign(tracked.broadcast, next);
        if (next.state === "ended") this.open.delete(next.id);
        this.changed(tracked);
      });
    tracked.writing = saved;
    return saved;
  }

  /** Does something while nothing is written of a broadcast. It must not save anything of it itself. */
  exclusively<T>(id: string, work: () => Promise<T>): Promise<T> {
    const tracked = this.open.get(id);
    if (tracked === undefined) return work();
    const done = tracked.writing.catch(() => undefined).then(work);
    tracked.writing = done.then(() => undefined);
    tracked.writing.catch(() => undefined);
    return done;
  }

  private changed({ broadcast }: Tracked): void {
    // Units are kept back for what has been begun.
    const all = [...this.open.values()].map((one) => one.broadcast);
    this.options.budget.begun = {
      live: all.filter(({ state }) => state === "live").length,
      ready: all.filter(({ state, jobId }) => state === "ready" && jobId !== null).length,
    };
    for (const listener of this.listeners) listener(broadcast);
  }
}

export const watchedOf = ({ broadcastId, streamId }: Broadcast): Watched => ({
  broadcastId: broadcastId ?? "",
  streamId,
});
