import { PRIORITIES, type Priority } from "@stream-control/protocol";

/** The part of the slots that a lane gets while every lane has jobs that wait, in proportion to the others'. */
export type PriorityWeights = Readonly<Record<Priority, number>>;

/** The most urgent first: so a tie is broken. */
const BY_URGENCY = [...PRIORITIES].reverse();

/**
 * Which lane is served next: start-time fair queueing (Goyal, Vin and Cheng 1996) with a slot as the unit. Each lane has a
 * tag, its share that is used up; the lane with the least is next, and its tag grows by 1/weight. So:
 *
 * - A lane that had nothing to do has no credit from that, and is next when something comes: at a tie the more urgent one.
 * - While lanes compete, each gets its part by weight, give or take one slot.
 * - While the lane `i` has a job that fits, at most `ceil(weight j / weight i)` slots go to each other lane `j` before it.
 */
export class LaneShares {
  private readonly tags = new Map<Priority, number>();
  /** The tag at which the last slot was given. */
  private at = 0;

  /** The lanes in the order in which they are to be asked for a job that fits. */
  order(lanes: Iterable<Priority>): Priority[] {
    const asked = new Set(lanes);
    return BY_URGENCY.filter((lane) => asked.has(lane)).sort((a, b) => this.tagOf(a) - this.tagOf(b));
  }

  /**
   * A lane was served.
   *
   * @param passedOver lanes that were asked before, and had nothing that fits; what they could not use is no credit.
   */
  served(lane: Priority, weights: PriorityWeights, passedOver: Iterable<Priority> = []): void {
    const tag = this.tagOf(lane);
    this.at = Math.max(this.at, tag);
    for (const other of passedOver) this.tags.set(other, Math.max(this.tagOf(other), tag));
    this.tags.set(lane, tag + 1 / weights[lane]);
  }

  /** Something came to a lane that was empty. */
  opened(lane: Priority): void {
    this.tags.set(lane, Math.max(this.tagOf(lane), this.at));
  }

  private tagOf(lane: Priority): number {
    return this.tags.get(lane) ?? 0;
  }
}
