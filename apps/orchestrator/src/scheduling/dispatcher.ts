import { RENDERS_FEATURE } from "@stream-control/protocol";
import type { Attempt } from "./lanes/lane.js";
import { fitting, refusalOf } from "./placement.js";
import type { NeedsOf } from "./requirement.js";
import { overLimit, type SchedulingSettings } from "./settings.js";
import type { Chooser, PlacementNote } from "./strategies/chooser.js";
import type { Rated } from "./strategies/picked.js";
import { type WaitingJob, WaitingJobs } from "./waiting-jobs.js";

export interface DispatcherOptions<Agent extends Rated> {
  /** Agents of a room that have a slot now. */
  freeIn: (room: string) => ReadonlySet<Agent>;
  all: () => Iterable<Agent>;
  chooser: Chooser<Agent>;
  settings: () => SchedulingSettings;
  /** What configs need of a machine; the rule of thumb unless given. */
  needsOf?: NeedsOf | undefined;
  /** The job as it is at this moment. */
  asOfNow: (job: WaitingJob) => WaitingJob;
  /** Gives a job away, which waits no more; its slot counts as used when this returns. */
  give: (job: WaitingJob, agent: Agent, note: PlacementNote) => void;
}

/** Refusals that end when another job of the agent does. */
const ENDS_WITH_A_JOB: ReadonlySet<string | undefined> = new Set(["BUSY", "CPU", "MEMORY", "NETWORK"]);
/** Jobs that are made to wait for busy agents in one round. */
const MOST_HELD = 64;

/** Decides who gets which slot, without doing anything about it: the scheduler's head. */
export class Dispatcher<Agent extends Rated> {
  readonly waiting: WaitingJobs;
  /** Renders that hold a slot. */
  private readonly renders = new Set<string>();
  /** Why jobs wait that could start elsewhere, and until when. */
  private held = new Map<string, { sentence: string; untilMs: number }>();

  constructor(private readonly options: DispatcherOptions<Agent>) {
    this.waiting = new WaitingJobs(options.needsOf);
  }

  /** A job holds a slot; only renders are told apart. */
  began(jobId: string, isRender: boolean): void {
    if (isRender) this.renders.add(jobId);
  }

  /** A job holds no slot any more. @returns whether another one may start because of that alone. */
  ended(jobId: string): boolean {
    this.options.chooser.ended(jobId);
    return this.renders.delete(jobId);
  }

  /** A job waits no more. */
  forget(jobId: string): void {
    this.waiting.remove(jobId);
    this.held.delete(jobId);
    this.options.chooser.forget(jobId);
  }

  /** Gives away what can be given now. @returns by the monotonic clock, when to look again though nothing has happened. */
  round(): number {
    this.options.chooser.begin();
    this.held = new Map();
    this.waiting.giveAway((job) => this.offer(job), this.options.settings().priorityWeights);
    let nextAtMs = Number.POSITIVE_INFINITY;
    for (const { untilMs } of this.held.values()) nextAtMs = Math.min(nextAtMs, untilMs);
    return nextAtMs;
  }

  /** Why a job waits that an agent could take; undefined where none could. */
  reasonToWait(job: WaitingJob): string | undefined {
    if (this.isOverLimit(job)) return overLimit(this.options.settings().maxRenders);
    return this.held.get(job.id)?.sentence;
  }

  private offer(job: WaitingJob): Attempt {
    const { freeIn, chooser, settings, give } = this.options;
    const { room } = job.requirement;
    const free = freeIn(room);
    if (free.size === 0) return "full";
    if (this.isOverLimit(job)) return "noneOfKind";
    const now = this.options.asOfNow(job);
    const fit = fitting(free, now);
    // What one job was refused by name is no news for the others of its kind.
    if (fit === undefined) return now.avoid.size === 0 && now.awaits === undefined ? "noneOfKind" : "notThis";
    const { strategy, failover } = settings();
    const placeable = { id: job.id, room, kind: isRender(job) ? "render" : "stream", features: job.features } as const;
    const agents = { free: fit, busy: () => this.busyFor(now), queued: this.waiting.sizeOf(room) };
    const choice = chooser.choose(placeable, job.strategy ?? strategy, agents, failover);
    if ("waitFor" in choice) {
      this.held.set(job.id, choice);
      // To look at still more that might want what is free costs more than it brings.
      return this.held.size < MOST_HELD ? "notThis" : "full";
    }
    this.waiting.remove(job.id);
    this.began(job.id, isRender(job));
    chooser.started(job.id, choice.agent.id, choice.note.predictedMs);
    give(job, choice.agent, choice.note);
    return "taken";
  }

  /** Whether it waits because as many renders are under way as may be. */
  isOverLimit(job: WaitingJob): boolean {
    const { maxRenders } = this.options.settings();
    return maxRenders > 0 && isRender(job) && this.renders.size >= maxRenders;
  }

  private *busyFor(job: WaitingJob): Generator<Agent> {
    for (const agent of this.options.all()) if (ENDS_WITH_A_JOB.has(refusalOf(agent, job)?.code)) yield agent;
  }
}

const isRender = ({ requirement }: WaitingJob): boolean => requirement.feature === RENDERS_FEATURE;
