import TinyQueue from "tinyqueue";
import { OrderedJobs, type Placed } from "./ordered-jobs.js";

/** A job in a lane. */
export interface LaneJob extends Placed {
  /** Jobs with the same key fit on the same agents. */
  readonly key: string;
}

/**
 * What came of looking for an agent for a job. `taken`: it has one, and has left the lane. `notThis`: not this one, for reasons
 * of its own. `noneOfKind`: nor any other job with its key. `full`: nor any other job at all.
 */
export type Attempt = "taken" | "notThis" | "noneOfKind" | "full";

interface Kind<Job extends LaneJob> {
  readonly key: string;
  readonly jobs: OrderedJobs<Job>;
}

/** The oldest job of a kind that has not been looked at. */
interface Front<Job extends LaneJob> {
  readonly kind: Kind<Job>;
  readonly job: Job;
}

const byAge = <Job extends LaneJob>(a: Front<Job>, b: Front<Job>): number => a.job.seq - b.job.seq;

/**
 * The jobs of one priority that could be given away, each kind in a queue of its own, so that a kind that fits nowhere is
 * looked at once however many jobs of it wait.
 */
export class Lane<Job extends LaneJob> {
  private readonly kinds = new Map<string, Kind<Job>>();
  /** Has the oldest job of each kind; fronts of jobs that are not the oldest any more are thrown away when they come up. */
  private readonly fronts = new TinyQueue<Front<Job>>([], byAge);
  private jobs = 0;

  get size(): number {
    return this.jobs;
  }

  add(job: Job): void {
    let kind = this.kinds.get(job.key);
    if (kind === undefined) {
      kind = { key: job.key, jobs: new OrderedJobs() };
      this.kinds.set(job.key, kind);
    }
    kind.jobs.add(job);
    this.jobs += 1;
    if (kind.jobs.first === job) this.fronts.push({ kind, job });
  }

  remove(job: Job): void {
    const kind = this.kinds.get(job.key);
    if (kind === undefined) return;
    const wasFirst = kind.jobs.first?.seq === job.seq;
    kind.jobs.remove(job);
    this.jobs -= 1;
    const { first } = kind.jobs;
    if (first === undefined) this.kinds.delete(job.key);
    else if (wasFirst) this.fronts.push({ kind, job: first });
  }

  /**
   * Offers the jobs, oldest first, until one is taken.
   *
   * @param hopeless keys that need not be offered; those for which it is found out are added.
   * @returns what came of the last one.
   */
  offer(attempt: (job: Job) => Attempt, hopeless: Set<string>): "taken" | "none" | "full" {
    const setAside: Front<Job>[] = [];
    const later = new TinyQueue<Front<Job>>([], byAge);
    let outcome: Attempt | "none" = "none";
    while (outcome !== "taken" && outcome !== "full") {
      const front = this.next(later, setAside);
      if (front === undefined) break;
      const { kind, job } = front;
      if (hopeless.has(kind.key)) continue;
      outcome = attempt(job);
      if (outcome === "noneOfKind") hopeless.add(kind.key);
      else if (outcome === "notThis") {
        const after = kind.jobs.after(job.seq);
        if (after !== undefined) later.push({ kind, job: after });
      }
    }
    for (const front of setAside) if (front.job === front.kind.jobs.first) this.fronts.push(front);
    return outcome === "taken" || outcome === "full" ? outcome : "none";
  }

  /** The oldest of all that are to be looked at. */
  private next(later: TinyQueue<Front<Job>>, setAside: Front<Job>[]): Front<Job> | undefined {
    let front = this.fronts.peek();
    // A job that came to be the oldest twice has two fronts, which come up one after the other.
    while (front !== undefined && (front.job !== front.kind.jobs.first || front.job === setAside.at(-1)?.job)) {
      this.fronts.pop();
      front = this.fronts.peek();
    }
    const second = later.peek();
    if (second !== undefined && (front === undefined || byAge(second, front) < 0)) return later.pop();
    if (front !== undefined) setAside.push(front);
    this.fronts.pop();
    return front;
  }
}
