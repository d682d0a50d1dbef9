/** After this an agent that did not take a job is asked again. */
const AVOID_MS = 15_000;

/** Which agents did not take a job lately, and what happened. It forgets by itself. */
export class Avoidance {
  private readonly byJob = new Map<string, Map<string, string>>();

  /** @param onForgotten called when an agent may be asked again. */
  constructor(private readonly onForgotten: () => void) {}

  /** Keeps a job from an agent for a while. */
  add(jobId: string, agentId: string, what: string): void {
    const agents = this.byJob.get(jobId) ?? new Map<string, string>();
    agents.set(agentId, what);
    this.byJob.set(jobId, agents);
    const timer = setTimeout(() => {
      agents.delete(agentId);
      if (agents.size === 0 && this.byJob.get(jobId) === agents) this.byJob.delete(jobId);
      this.onForgotten();
    }, AVOID_MS);
    timer.unref();
  }

  /** Agents that do not get the job now, each with what happened. */
  of(jobId: string): ReadonlyMap<string, string> {
    return this.byJob.get(jobId) ?? new Map();
  }
}
