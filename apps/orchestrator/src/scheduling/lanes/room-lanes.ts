import { PRIORITIES, type Priority } from "@stream-control/protocol";
import { type Attempt, Lane, type LaneJob } from "./lane.js";
import { LaneShares, type PriorityWeights } from "./lane-shares.js";

/** A job that waits in one of a room's lanes. */
export interface RoomJob extends LaneJob {
  readonly priority: Priority;
}

/** The lanes of one room. Agents belong to one room each, so that no room has a share in another's. */
export class RoomLanes<Job extends RoomJob> {
  private readonly lanes = new Map<Priority, Lane<Job>>(PRIORITIES.map((priority) => [priority, new Lane()]));
  private readonly shares = new LaneShares();

  get size(): number {
    let jobs = 0;
    for (const { size } of this.lanes.values()) jobs += size;
    return jobs;
  }

  add(job: Job): void {
    const lane = this.laneOf(job);
    if (lane.size === 0) this.shares.opened(job.priority);
    lane.add(job);
  }

  remove(job: Job): void {
    this.laneOf(job).remove(job);
  }

  /**
   * Gives the next slot: asks the lanes in the order of their shares, in each the oldest job first.
   *
   * @param hopeless keys that need not be offered again; see {@link Lane.offer}.
   * @returns whether a job was taken.
   */
  giveNext(attempt: (job: Job) => Attempt, hopeless: Set<string>, weights: PriorityWeights): boolean {
    const open = PRIORITIES.filter((priority) => (this.lanes.get(priority)?.size ?? 0) > 0);
    const passedOver: Priority[] = [];
    for (const priority of this.shares.order(open)) {
      const outcome = this.lanes.get(priority)?.offer(attempt, hopeless);
      if (outcome === "taken") this.shares.served(priority, weights, passedOver);
      if (outcome === "taken" || outcome === "full") return outcome === "taken";
      passedOver.push(priority);
    }
    return false;
  }

  private laneOf({ priority }: Job): Lane<Job> {
    const lane = this.lanes.get(priority);
    if (lane === undefined) throw new Error(`There is no lane "${priority}".`);
    return lane;
  }
}
