/** The two kinds of jobs, which are measured differently. */
export type JobKind = "render" | "stream";

/** What an agent did compared with the others. */
export interface Performance {
  /** 1 is what all of them together do. */
  readonly timesTheFleet: number;
  readonly basedOn: number;
}

/** Agents are taken for average ones until they have done some more than this many jobs. */
const PRIOR_JOBS = 3;
/** What a measurement counts when the next one has come. */
const FADING = 0.97;
/** Ends of assignments that are remembered of each agent. */
const REMEMBERED_ENDS = 10;

interface Measured {
  sum: number;
  weight: number;
  jobs: number;
}

/** What agents have shown: how fast they render, whether their streams keep up, and how often a failure was their own. */
export class AgentPerformance {
  private readonly measured: Record<JobKind, Map<string, Measured>> = { render: new Map(), stream: new Map() };
  private readonly fleet: Record<JobKind, Measured> = { render: nothing(), stream: nothing() };
  /** Of each agent, whether the last ends were its fault. */
  private readonly ends = new Map<string, boolean[]>();

  /** A render was completed: pixels of all its frames, in so many milliseconds. */
  rendered(agentId: string, pixels: number, ms: number): void {
    if (pixels > 0 && ms > 0) this.take("render", agentId, Math.log(pixels / ms));
  }

  /** A stream has ended. @param speed of its encode at last; 1 is real time, and more is no merit. */
  streamed(agentId: string, speed: number): void {
    if (speed > 0) this.take("stream", agentId, Math.log(Math.min(1, speed)));
  }

  /** An assignment has ended, by a fault of the agent or otherwise. */
  ended(agentId: string, byItsFault: boolean): void {
    const ends = this.ends.get(agentId) ?? [];
    this.ends.set(agentId, ends);
    ends.push(byItsFault);
    if (ends.length > REMEMBERED_ENDS) ends.shift();
  }

  /** How fast an agent is at a kind of job; undefined where no agent has done any. One that has not is average. */
  of(agentId: string, kind: JobKind): Performance | undefined {
    const { fleet } = this;
    if (fleet[kind].jobs === 0) return undefined;
    const mean = fleet[kind].sum / fleet[kind].weight;
    const { sum, weight, jobs } = this.measured[kind].get(agentId) ?? nothing();
    const own = (sum + PRIOR_JOBS * mean) / (weight + PRIOR_JOBS);
    return { timesTheFleet: Math.exp(own - mean), basedOn: jobs };
  }

  /** The part of an agent's last assignments that ended by its fault, and how many those are. */
  faultsOf(agentId: string): { part: number; of: number } {
    const ends = this.ends.get(agentId) ?? [];
    return { part: ends.length === 0 ? 0 : ends.filter(Boolean).length / ends.length, of: ends.length };
  }

  private take(kind: JobKind, agentId: string, value: number): void {
    const own = this.measured[kind].get(agentId) ?? nothing();
    this.measured[kind].set(agentId, own);
    for (const measured of [own, this.fleet[kind]]) {
      measured.sum = measured.sum * FADING + value;
      measured.weight = measured.weight * FADING + 1;
      measured.jobs += 1;
    }
  }
}

const nothing = (): Measured => ({ sum: 0, weight: 0, jobs: 0 });
