import type { OrchestratorPayload } from "@stream-control/protocol";
import type { Clock } from "./clock.js";
import { Lease } from "./lease.js";

/** A job that may be renewed. */
interface Renewable {
  jobId: string;
  epoch?: number | undefined;
  lease?: Lease | undefined;
}

/** Heartbeats that an answer may still come to. */
const MAX_HEARTBEATS = 64;

/**
 * Leases, counted so that this agent never believes in a longer one than the orchestrator does, whatever the network
 * does with the messages and whatever the two machines take for the time of day.
 *
 * The orchestrator lets a job go `leaseMs` after it received a heartbeat; the agent counts the same time from the moment
 * at which it sent that heartbeat, which is earlier. An answer that is late leaves less, one that comes again leaves the
 * same, and one to a heartbeat that this connection did not send is none.
 */
export class LeaseBook {
  private readonly sentAt = new Map<string, number>();

  constructor(readonly now: Clock) {}

  /** A connection begins: what was sent on an earlier one is not answered on it. */
  opened(): void {
    this.sentAt.clear();
  }

  /** @param at when that heartbeat was about to be sent. */
  heartbeat(msgId: string, at: number): void {
    this.sentAt.set(msgId, at);
    for (const [oldest] of this.sentAt) {
      if (this.sentAt.size <= MAX_HEARTBEATS) break;
      this.sentAt.delete(oldest);
    }
  }

  /**
   * The lease that an assignment brings. It counts from a moment before the orchestrator sent the assignment: the sending
   * of the last ping or hello whose answer had come earlier on the same, ordered connection. Counting from the arrival
   * would add the time that the assignment was on its way, which nobody knows.
   *
   * @param notBefore that moment.
   */
  begin(leaseMs: number, notBefore: number): Lease {
    return new Lease(this.now, notBefore + leaseMs);
  }

  /**
   * Applies a renewal.
   *
   * @param find a job that runs here; it is renewed under exactly its epoch.
   * @returns the jobs whose lease is longer now.
   */
  renew<J extends Renewable>(
    { leaseMs, jobs }: OrchestratorPayload<"orchestrator.lease.renewed">,
    correlationId: string | undefined,
    find: (jobId: string) => J | undefined,
  ): (J & { lease: Lease })[] {
    const at = correlationId === undefined ? undefined : this.sentAt.get(correlationId);
    if (at === undefined) return [];
    const until = at + leaseMs;
    if (until <= this.now()) return [];
    const renewed: (J & { lease: Lease })[] = [];
    for (const { jobId, epoch } of jobs) {
      const job = find(jobId);
      if (job === undefined || job.epoch !== epoch) continue;
      // A job taken over from an earlier agent has a lease that only its runner knows; any renewal is news to it.
      const lease = job.lease ?? new Lease(this.now, Number.NEGATIVE_INFINITY);
      if (lease.extendTo(until)) renewed.push(Object.assign(job, { lease }));
    }
    return renewed;
  }
}
