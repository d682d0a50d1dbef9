import type { AgentRegistry } from "./registry.js";
import type { AgentSession } from "./session.js";

export interface LeasesOptions {
  registry: AgentRegistry;
  /** How long a fenced job may go on after its agent was last heard. */
  leaseMs: number;
  /** A monotonic clock in milliseconds. */
  monotonic: () => number;
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
  private readonly startedMs: number;

  constructor(private readonly options: LeasesOptions) {
    this.startedMs = options.monotonic();
  }

  get leaseMs(): number {
    return this.options.leaseMs;
  }

  /** An agent said hello or sent a heartbeat: its fenced jobs may go on. */
  renew(session: AgentSession, msgId: string | undefined): void {
    const atMs = this.options.monotonic();
    session.lastBeat = { msgId, atMs };
    const agent = this.options.registry.get(session.agentId);
    if (agent === undefined || msgId === undefined || !agent.knows("leases")) return;
    const jobs = [...agent.jobs].flatMap(([jobId, { fenced, epoch }]) => (fenced ? [{ jobId, epoch }] : []));
    if (jobs.length === 0) return;
    this.lastBeatMs.set(session.agentId, atMs);
    session.send("orchestrator.lease.renewed", { leaseMs: this.options.leaseMs, jobs }, { correlationId: msgId });
  }

  /** An assignment of a fenced job goes out: its lease counts from the agent's last heartbeat. */
  begin(session: AgentSession): void {
    this.lastBeatMs.set(session.agentId, Math.max(this.lastBeatMs.get(session.agentId) ?? 0, session.lastBeat.atMs));
  }

  /**
   * Milliseconds until no fenced job of the agent can be alive any more. After a start of the orchestrator nobody knows when
   * the agent was last heard, so that a whole lease is waited for.
   */
  remainingMs(agentId: string): number {
    const from = this.lastBeatMs.get(agentId) ?? this.startedMs;
    const until = from + this.options.leaseMs * (1 + CLOCK_DRIFT) + END_MS;
    return Math.max(0, until - this.options.monotonic());
  }
}
