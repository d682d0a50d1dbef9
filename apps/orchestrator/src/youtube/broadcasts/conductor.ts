import { type Logger, toError } from "@stream-control/service-kit";
import { asSystem } from "@stream-control/service-kit/http";
import type { Committed } from "../../jobs/ledger.js";
import { YouTubeError } from "../api/errors.js";
import type { YouTubeApi } from "../api/youtube-api.js";
import type { HealthWatch } from "../live/health-watch.js";
import type { Sighting } from "../live/sightings.js";
import type { Watcher } from "../live/watcher.js";
import type { Connection } from "../oauth/connection.js";
import type { QuotaBudget } from "../quota/budget.js";
import type { YouTubePace } from "../settings.js";
import { type Book, watchedOf } from "./book.js";
import type { Broadcast } from "./broadcast.js";
import type { BroadcastRows } from "./broadcast-rows.js";
import { factsOf, type JobSide, wishOf } from "./job-side.js";
import { nextStep, type Step, type Wish } from "./next-step.js";
import { type ApiStep, goneBroadcast, type Performer } from "./performer.js";
import { Setbacks } from "./setbacks.js";
import { sameTexts } from "./texts.js";
import { begunOf, purposeOf, seenOf, type Tracked, track } from "./tracked.js";
import { said } from "./words.js";

export interface ConductorOptions {
  api: YouTubeApi;
  budget: QuotaBudget;
  connection: Connection;
  performer: Performer;
  rows: BroadcastRows;
  book: Book;
  jobs: JobSide;
  pace: YouTubePace;
  health: HealthWatch;
  /** Is told how many watch a job's broadcast. */
  onViewers: (jobId: string, viewers: number) => void;
  logger: Logger;
  now: () => Date;
}

/** For how long broadcasts that have ended are known: one that YouTube still lists must not be taken for a lost one. */
const KEPT_MS = 90 * 86_400_000;
/** Until what could not be written, such as on a full disk, is tried again. */
const STORE_PAUSE_MS = 1000;

/**
 * Brings every broadcast where it is to be: makes it, hands it to its job, takes it on air, ends it. What comes next is
 * decided anew after each step from what is on disk, so that a restart goes on wherever the last one stopped. Nothing here
 * is waited for by a job.
 */
export class Conductor {
  private watcher: Watcher | undefined;
  private readonly runs = new Set<Promise<void>>();
  private readonly setbacks: Setbacks;
  private stopped = false;

  constructor(private readonly options: ConductorOptions) {
    this.setbacks = new Setbacks({
      ...options,
      save: (tracked, changes) => this.save(tracked, changes),
      finish: (tracked, outcome) => this.finish(tracked, outcome),
    });
  }

  /** Takes up every broadcast that has not ended: goes on with those whose jobs run, ends those whose jobs are over. */
  async start(watcher: Watcher): Promise<void> {
    this.watcher = watcher;
    await this.options.rows.prune(new Date(this.options.now().getTime() - KEPT_MS).toISOString());
    for (const broadcast of await this.options.rows.open()) {
      const job = broadcast.jobId === null ? undefined : await this.options.jobs.load(broadcast.jobId);
      this.options.book.take(track(broadcast, job));
    }
    this.options.jobs.onCommit((committed) => this.onCommit(committed));
    this.options.connection.onChange(() => {
      for (const id of this.options.book.ids) this.kick(id);
    });
    for (const id of this.options.book.ids) this.kick(id);
  }

  /** Resolves when nothing is being written any more; what was under way is gone on with at the next start. */
  async stop(): Promise<void> {
    this.stopped = true;
    for (const id of this.options.book.ids) clearTimeout(this.options.book.get(id)?.timer);
    await Promise.all(this.runs);
  }

  /** Changes what is wanted of a broadcast. Resolves when it is on disk; YouTube hears of it by and by. */
  async amend(id: string, changes: Partial<Broadcast>): Promise<void> {
    const tracked = this.options.book.get(id);
    if (tracked === undefined) return;
    await this.save(tracked, changes);
    this.kick(id);
  }

  /** Looks how broadcasts stand, and tries at once what waits for another try. @throws YouTubeError. */
  async refresh(ids: readonly string[]): Promise<void> {
    const wanted = ids.flatMap((id) => this.options.book.get(id) ?? []);
    for (const tracked of wanted) {
      tracked.haltedAt = undefined;
      tracked.refusedTexts = undefined;
      if (tracked.broadcast.retryAt !== null) await this.save(tracked, { retryAt: null });
      this.kick(tracked.broadcast.id);
    }
    const made = wanted.filter(({ broadcast }) => broadcast.broadcastId !== null);
    await this.watcher?.askNow(made.map(({ broadcast }) => [broadcast.id, watchedOf(broadcast)]));
  }

  /** Looks what is to be done for a broadcast, now. */
  kick(id: string): void {
    const tracked = this.options.book.get(id);
    if (tracked === undefined || this.stopped) return;
    if (tracked.running) {
      tracked.again = true;
      return;
    }
    const run: Promise<void> = asSystem(() => this.run(tracked)).finally(() => this.runs.delete(run));
    this.runs.add(run);
  }

  /** What YouTube said; undefined where the broadcast is not there any more. */
  seen(id: string, sighting: Sighting | undefined): void {
    const tracked = this.options.book.get(id);
    if (tracked === undefined) return;
    if (sighting === undefined) {
      this.unseen(id, goneBroadcast());
      return;
    }
    this.note(tracked, sighting);
    tracked.unjudged = sighting;
    this.kick(id);
  }

  /** YouTube could not be asked about a broadcast that waits for it. */
  unseen(id: string, error: YouTubeError): void {
    const tracked = this.options.book.get(id);
    if (tracked === undefined) return;
    // Its own turn decides what to do about that: it may be doing something else right now.
    tracked.lookFailed = error;
    this.kick(id);
  }

  private onCommit({ job, before }: Committed): void {
    const { book } = this.options;
    const arrived = before === null ? book.arrived(job.id) : undefined;
    if (arrived !== undefined) {
      arrived.job = factsOf(job);
      arrived.broadcast.jobId = job.id;
      book.take(arrived);
      this.kick(arrived.broadcast.id);
      return;
    }
    const tracked = book.ofJob(job.id);
    if (tracked === undefined) return;
    tracked.job = factsOf(job);
    if (job.status === before?.status && job.stream_metadata === before.stream_metadata) return;
    this.kick(tracked.broadcast.id);
  }

  private note(tracked: Tracked, sighting: Sighting): void {
    if (tracked.lastLifeCycle !== sighting.lifeCycle) tracked.inStateSinceMs = performance.now();
    tracked.lastLifeCycle = sighting.lifeCycle;
    tracked.sighting = sighting;
    const { viewers } = sighting;
    if (viewers !== undefined) tracked.peakViewers = Math.max(viewers, tracked.peakViewers ?? 0);
    const { jobId } = tracked.broadcast;
    // Where nobody watches, YouTube says nothing.
    if (jobId !== null && sighting.lifeCycle === "live" && tracked.job?.over === false)
      this.options.onViewers(jobId, viewers ?? 0);
  }

  /** Never rejects. */
  private async run(tracked: Tracked): Promise<void> {
    tracked.running = true;
    try {
      do {
        tracked.again = false;
        await this.advance(tracked);
      } while (tracked.again && !this.stopped);
    } catch (thrown) {
      this.options.logger.error(
        { err: toError(thrown), broadcast: tracked.broadcast.id },
        "a broadcast is gone on with later",
      );
      this.wakeIn(tracked, STORE_PAUSE_MS);
    } finally {
      tracked.running = false;
    }
  }

  /** Takes steps until there is something to wait for. */
  private async advance(tracked: Tracked): Promise<void> {
    const { broadcast } = tracked;
    while (!this.stopped && broadcast.state !== "ended") {
      await this.takeTexts(tracked);
      if (!this.options.connection.usable) return this.unconnected(tracked);
      await this.judge(tracked);
      const { lookFailed } = tracked;
      tracked.lookFailed = undefined;
      if (lookFailed !== undefined) await this.setbacks.take(tracked, { do: "look" }, lookFailed);
      const pauseMs = broadcast.retryAt === null ? 0 : Date.parse(broadcast.retryAt) - this.options.now().getTime();
      if (pauseMs > 0) return this.wakeIn(tracked, pauseMs);
      const wish = wishOf(broadcast, tracked.job);
      if (wish.onAir && !(await this.isAdded(tracked))) return;
      const nowMs = performance.now();
      const step = nextStep(begunOf(tracked, nowMs), seenOf(tracked, nowMs), this.unlessHalted(tracked, wish));
      if (step.do === "wait") return this.rest(tracked, nowMs);
      if (step.do === "look") {
        this.watcher?.want(broadcast.id, watchedOf(broadcast), purposeOf(wish));
        tracked.sighting = undefined;
        return;
      }
      try {
        await this.carryOut(tracked, step);
        if (broadcast.attempts > 0 || clearable(broadcast))
          await this.save(tracked, { attempts: 0, retryAt: null, ...(clearable(broadcast) && { problem: null }) });
      } catch (thrown) {
        if (!(thrown instanceof YouTubeError)) throw thrown;
        await this.setbacks.take(tracked, step, thrown);
      }
    }
  }

  private async carryOut(tracked: Tracked, step: Exclude<Step, { do: "wait" | "look" }>): Promise<void> {
    const { broadcast } = tracked;
    const { jobs, api, performer } = this.options;
    switch (step.do) {
      case "hand-over": {
        const lateEpoch = await jobs.handOver(broadcast);
        return this.save(tracked, { state: "ready", lateEpoch });
      }
      case "transition": {
        const { status } = await api.transition(broadcast.broadcastId ?? "", step.to);
        // Without a word on the state it is looked at.
        const lifeCycle = status?.lifeCycleStatus;
        if (lifeCycle !== undefined && tracked.sighting !== undefined)
          this.note(tracked, { ...tracked.sighting, lifeCycle });
        if (step.to === "complete") await this.completed(tracked);
        // What comes of it is seen in seconds, however long the stream has been waited for.
        else this.watcher?.settled(broadcast.id);
        return;
      }
      case "note-live":
        await jobs.note(broadcast, said.live(broadcast));
        await this.save(tracked, { state: "live", ...this.wentLive(broadcast) });
        this.watcher?.settled(broadcast.id);
        this.watcher?.plan();
        return;
      case "finish":
        return this.finish(tracked, step.outcome);
      default:
        await performer.perform(broadcast, step as ApiStep, (changes) => this.save(tracked, changes));
        if (step.do === "send-texts") await jobs.note(broadcast, said.edited(broadcast));
    }
  }

  private wentLive({ liveAt, autoStopAt, autoStopMinutes }: Broadcast): Partial<Broadcast> {
    const at = this.options.now();
    const times = { liveAt: liveAt ?? at.toISOString() };
    if (autoStopAt !== null || autoStopMinutes === null) return times;
    return { ...times, autoStopAt: new Date(at.getTime() + autoStopMinutes * 60_000).toISOString() };
  }

  /** Said once, also where a crash came in between. */
  private async completed(tracked: Tracked): Promise<void> {
    if (tracked.broadcast.outcome !== null) return;
    await this.options.jobs.note(tracked.broadcast, said.completed(tracked.broadcast, tracked.peakViewers));
    await this.save(tracked, { outcome: "completed" });
  }

  /** The job is over before it was on air: an announced broadcast stays for the next one. */
  private async release(tracked: Tracked): Promise<void> {
    this.options.book.part(tracked);
    tracked.job = undefined;
    await this.save(tracked, { jobId: null, state: "ready", lateEpoch: null, autoStart: false, retryAt: null });
  }

  private async finish(tracked: Tracked, outcome: string): Promise<void> {
    const { broadcast } = tracked;
    const { jobs } = this.options;
    if (outcome === "released") return this.release(tracked);
    if (outcome === "completed") await this.completed(tracked);
    if (outcome === "deleted" && broadcast.outcome === null) await jobs.note(broadcast, said.deleted(broadcast));
    if (outcome === "ended-at-youtube") await jobs.note(broadcast, said.endedAtYouTube(broadcast));
    jobs.letGo(broadcast.jobId);
    const became = broadcast.outcome ?? outcome;
    await this.save(tracked, {
      state: "ended",
      outcome: became,
      endedAt: this.options.now().toISOString(),
      retryAt: null,
    });
    clearTimeout(tracked.timer);
    this.watcher?.settled(broadcast.id);
    this.options.health.forget(broadcast.id);
    this.options.book.part(tracked);
  }

  /** The channel is not connected: it goes on once it is, and the job does not wait for that. */
  private async unconnected(tracked: Tracked): Promise<void> {
    const { broadcast } = tracked;
    this.options.jobs.letGo(broadcast.jobId);
    const { problem, state } = this.options.connection.view();
    const reason = problem?.code ?? state;
    if (broadcast.problem?.reason === reason) return;
    const message = problem?.message ?? "No YouTube channel is connected any more; it is gone on with once one is.";
    await this.save(tracked, { problem: { kind: "connect", reason, message, at: this.options.now().toISOString() } });
    await this.options.jobs.note(broadcast, said.delayed(broadcast, reason, message));
  }

  /** Whether the stream that runs has the broadcast among its destinations, or is not going to. */
  private async isAdded(tracked: Tracked): Promise<boolean> {
    const { broadcast, job } = tracked;
    if (broadcast.lateEpoch === null || broadcast.state === "preparing") return true;
    if (broadcast.lateEpoch === job?.epoch) {
      const result = await this.options.jobs.addLate(broadcast);
      if (result === "not-now") {
        this.wakeIn(tracked, this.options.pace.retryBaseMs);
        return false;
      }
    }
    await this.save(tracked, { lateEpoch: null });
    return true;
  }

  /** What YouTube found since the last turn, and what became of a restart. */
  private async judge(tracked: Tracked): Promise<void> {
    const { broadcast, job, unjudged } = tracked;
    tracked.unjudged = undefined;
    if (job !== undefined) await this.options.health.changed(broadcast, job);
    if (unjudged !== undefined) await this.options.health.seen(broadcast, job, unjudged);
  }

  private unlessHalted(tracked: Tracked, wish: Wish): Wish {
    if (tracked.haltedAt === undefined || !wish.onAir) return wish;
    if (tracked.haltedAt === (tracked.job?.runningSince ?? null)) return { ...wish, onAir: false };
    tracked.haltedAt = undefined;
    return wish;
  }

  /** Takes over the title and the description that the job has now. */
  private async takeTexts(tracked: Tracked): Promise<void> {
    const { broadcast, job } = tracked;
    if (job?.texts === undefined || sameTexts(job.texts, broadcast)) return;
    tracked.editDueMs = performance.now() + this.options.pace.editDelayMs;
    await this.save(tracked, job.texts);
  }

  /** @param nowMs the moment for which was decided: by a later one the edit might seem to be due, and nobody would do it. */
  private rest(tracked: Tracked, nowMs: number): void {
    const leftMs = tracked.editDueMs - nowMs;
    if (leftMs > 0 && !sameTexts(tracked.broadcast, tracked.broadcast.sentTexts)) this.wakeIn(tracked, leftMs);
  }

  private wakeIn(tracked: Tracked, ms: number): void {
    clearTimeout(tracked.timer);
    if (this.stopped) return;
    tracked.timer = setTimeout(() => this.kick(tracked.broadcast.id), Math.min(ms, 2 ** 31 - 1));
    tracked.timer.unref();
  }

  private save(tracked: Tracked, changes: Partial<Broadcast>): Promise<void> {
    return this.options.book.save(tracked, changes);
  }
}

/** A problem that the next success ends: not one with its times, and not why it was given up. */
const clearable = ({ problem, options }: Broadcast): boolean =>
  problem !== null && problem.kind !== "schedule" && options.givenUp !== true;
