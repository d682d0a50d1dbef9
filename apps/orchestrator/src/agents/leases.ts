import type { AgentRegistry } from "./registry.js";
import type { AgentSession } from "./session.js";

export interface LeasesOptions {
  registry: AgentRegistry;
  /** How long a fenced job may go on after its agent was last heard. */
  leaseMs: number;
  /** A monotonic clock in milliseconds. */
  monotonic: () => number;
}

/** An assignment: a job, and which try it is. */
export interface Try {
  readonly id: string;
  readonly epoch: number;
}

/** Two clocks that count the same lease may run differently; 1 % is a hundred times what crystals differ by. */
const CLOCK_DRIFT = 0.01;
/** From the end of a lease until the agent's processes are dead for certain. */
const END_MS = 500;

/**
 * Leases of fenced jobs: the right to go on, given to an agent for a time and renewed with each heartbeat. Both sides count
 * from the same heartbeat, the agent from its sending and we from its arrival, so that the agent's lease always ends first;
 * only after ours has ended may the job be given to another agent. No wall clock is involved.
 */
export class Leases {
  private readonly lastBeatMs = new Map<string, number>();
  /** Leases that are renewed no more, by job: which try, and when nobody can be running it any longer. */
  private readonly ending = new Map<string, { epoch: number; untilMs: number }>();
  private readonly startedMs: number;

  constructor(private readonly options: LeasesOptions) {
    this.startedMs = options.monotonic();
  }

  get leaseMs(): number {
    return this.options.leaseMs;
  }

  /** An agent said hello or sent a heartbeat: its fenced jobs may go on, except those whose leases are let go. */
  renew(session: AgentSession, msgId: string | undefined): void {
    const atMs = this.options.monotonic();
    session.lastBeatId = msgId;
    const agent = this.options.registry.get(session.agentId);
    if (agent === undefined || msgId === undefined || !agent.knows("leases")) return;
    const jobs = [...agent.jobs].flatMap(([jobId, { fenced, epoch }]) =>
      fenced && this.ending.get(jobId)?.epoch !== epoch ? [{ jobId, epoch }] : [],
    );
    if (jobs.length === 0) return;
    this.lastBeatMs.set(session.agentId, atMs);
    session.send("orchestrator.lease.renewed", { leaseMs: this.options.leaseMs, jobs }, { correlationId: msgId });
  }

  /**
   * An assignment of a fenced job goes out. The agent counts its lease from the heartbeat that the assignment names, or
   * from another moment that it knows to be before this one; we count from now, so that ours ends later in either case.
   */
  begin(session: AgentSession): void {
    this.lastBeatMs.set(session.agentId, this.options.monotonic());
  }

  /**
   * Renews a lease no more, whatever is heard of the agent: the decision to take the job away and the heartbeat that would
   * prolong its lease may come in the same moment. Asked again, it answers for the same end.
   *
   * @returns milliseconds until nobody can be running that try of the job any more.
   */
  letGo({ id, epoch }: Try, agentId: string): number {
    const known = this.ending.get(id);
    const untilMs = known?.epoch === epoch ? known.untilMs : this.untilMs(agentId);
    this.ending.set(id, { epoch, untilMs });
    return this.leftMs(untilMs);
  }

  /** The job stays with its agent after all. */
  keep(jobId: string): void {
    this.ending.delete(jobId);
  }

  /**
   * Milliseconds until no fenced job of the agent can be alive any more. After a start of the orchestrator nobody knows when
   * the agent was last heard, so that a whole lease is waited for.
   */
  remainingMs(agentId: string): number {
    return this.leftMs(this.untilMs(agentId));
  }

  /** The same for a job that waits, but was taken from an agent that may not have let go of it yet. */
  heldMs({ id, epoch }: Try): number {
    const known = this.ending.get(id);
    return this.leftMs(known?.epoch === epoch ? known.untilMs : this.endOf(this.startedMs));
  }

  private untilMs(agentId: string): number {
    return this.endOf(this.lastBeatMs.get(agentId) ?? this.startedMs);
  }

  private endOf(beatMs: number): number {
    return beatMs + this.options.leaseMs * (1 + CLOCK_DRIFT) + END_MS;
  }

  private leftMs(untilMs: number): number {
    return Math.max(0, untilMs - this.options.monotonic());
  }
}
