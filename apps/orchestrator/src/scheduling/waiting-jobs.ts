import type { LoadBalancingStrategy, Priority } from "@stream-control/protocol";
import { configOf } from "../jobs/job-record.js";
import type { JobRow } from "../store/tables.js";
import type { Attempt } from "./lanes/lane.js";
import type { PriorityWeights } from "./lanes/lane-shares.js";
import { Pauses } from "./lanes/pauses.js";
import { RoomLanes } from "./lanes/room-lanes.js";
import { type RenderFeatures, renderFeatures } from "./model/render-features.js";
import type { Waiting } from "./placement.js";
import { isRenderConfig, type NeedsOf, type Requirement, requirementKey, requirementOf } from "./requirement.js";

/** A job that waits for an agent. */
export interface WaitingJob extends Waiting {
  readonly id: string;
  readonly seq: number;
  readonly priority: Priority;
  readonly epoch: number;
  /** The job may move, if its agent knows leases. */
  readonly fence: boolean;
  readonly requirement: Requirement;
  readonly key: string;
  /** When it may be given away, by the monotonic clock: its pause is over, and nobody holds it by a lease. */
  readonly readyAtMs: number;
  readonly restarts: number;
  /** How its agent is chosen, where the job says so itself. */
  readonly strategy: LoadBalancingStrategy | null;
  /** Of a render. */
  readonly features?: RenderFeatures | undefined;
}

/**
 * The jobs that wait: by room, by priority, and in each lane oldest first. One that is restarted comes back to its old place. What a
 * decision costs grows with the kinds of jobs that wait, and not with the jobs.
 */
export class WaitingJobs {
  private readonly jobs = new Map<string, WaitingJob>();
  private readonly pauses = new Pauses<WaitingJob>();
  /** In the order in which they were served last, so that what rooms share goes round. */
  private readonly rooms = new Map<string, RoomLanes<WaitingJob>>();

  /** @param needsOf what configs need of a machine; the rule of thumb unless given. */
  constructor(private readonly needsOf?: NeedsOf) {}

  get size(): number {
    return this.jobs.size;
  }
  /** Jobs that wait in a room's lanes. */
  sizeOf(room: string): number {
    return this.rooms.get(room)?.size ?? 0;
  }
  all(): Iterable<WaitingJob> {
    return this.jobs.values();
  }
  get(jobId: string): WaitingJob | undefined {
    return this.jobs.get(jobId);
  }
  has(jobId: string): boolean {
    return this.jobs.has(jobId);
  }

  add(row: JobRow, { readyAtMs, nowMs, avoid }: { readyAtMs: number; nowMs: number; avoid: Waiting["avoid"] }): void {
    const config = configOf(row);
    const requirement = requirementOf(config, row.room, this.needsOf);
    const job: WaitingJob = {
      ...{ id: row.id, seq: row.seq, priority: row.priority, epoch: row.epoch, restarts: row.restarts },
      ...{ requirement, key: requirementKey(requirement), readyAtMs, avoid },
      fence: row.on_disconnect === "fence",
      strategy: row.placement,
      features: isRenderConfig(config) ? renderFeatures(config) : undefined,
    };
    if (readyAtMs <= nowMs) this.putBack(job);
    else {
      this.jobs.set(job.id, job);
      this.pauses.add(job);
    }
  }

  /** Puts a job back that was taken out to be given away. */
  putBack(job: WaitingJob): void {
    this.jobs.set(job.id, job);
    const { room } = job.requirement;
    let lanes = this.rooms.get(room);
    if (lanes === undefined) {
      lanes = new RoomLanes();
      this.rooms.set(room, lanes);
    }
    lanes.add(job);
  }

  /** Takes a job out: to give it away, or because it waits no more. */
  remove(jobId: string): void {
    const job = this.jobs.get(jobId);
    if (job === undefined) return;
    this.jobs.delete(jobId);
    if (this.pauses.has(job)) this.pauses.remove(job);
    else this.rooms.get(job.requirement.room)?.remove(job);
  }

  /** Lets those wait in their lanes whose pause is over. @returns which ones, and when the next one's is. */
  endPauses(nowMs: number): { over: WaitingJob[]; nextAtMs: number } {
    const ended = this.pauses.end(nowMs);
    for (const job of ended.over) this.putBack(job);
    return ended;
  }

  /**
   * Offers the jobs until none is taken any more. Rooms take turns; within one it goes by the shares of its lanes.
   *
   * @param attempt takes a job out where it gives it away; see {@link Attempt}.
   */
  giveAway(attempt: (job: WaitingJob) => Attempt, weights: PriorityWeights): void {
    const hopeless = new Set<string>();
    const turns = new Map<string, RoomLanes<WaitingJob>>();
    for (const [room, lanes] of this.rooms)
      if (lanes.size === 0) this.rooms.delete(room);
      else turns.set(room, lanes);
    while (turns.size > 0)
      for (const [room, lanes] of turns) {
        if (!lanes.giveNext(attempt, hopeless, weights)) turns.delete(room);
        else {
          this.rooms.delete(room);
          this.rooms.set(room, lanes);
        }
      }
  }
}
