import { amongAll, type Rated, type Some } from "./picked.js";

/** An agent, and when it would have done the job. */
export interface Option<Agent extends Rated> {
  readonly agent: Agent;
  /** Milliseconds until it has a slot; 0 where it has one now. */
  readonly freeInMs: number;
  /** How long it would take then. */
  readonly predictedMs: number;
}

/** Whom the job goes to now, or for whom it waits. */
export interface SoonestDone<Agent extends Rated> {
  readonly option: Option<Agent>;
  /** Who would have it done soonest of those that are free; undefined where that is the one. */
  readonly insteadOf?: Option<Agent> | undefined;
  readonly why: string;
}

const doneInMs = ({ freeInMs, predictedMs }: Option<Rated>): number => freeInMs + predictedMs;

/**
 * The agent by which the job is predicted to be done soonest. One that is busy is worth waiting for only where that gains more
 * time than the wait itself takes, even if the prediction is wrong by its usual error.
 *
 * @param free those that have a slot now.
 * @param busy those that have one later.
 */
export function soonestDone<Agent extends Rated>(
  free: Some<Option<Agent>>,
  busy: readonly Option<Agent>[],
  errorPercent: number,
): SoonestDone<Agent> {
  const soonest = (best: Option<Agent>, other: Option<Agent>) =>
    doneInMs(other) < doneInMs(best) ||
    (doneInMs(other) === doneInMs(best) && other.agent.assigned < best.agent.assigned)
      ? other
      : best;
  const now = free.reduce(soonest);
  const later = busy.length === 0 ? undefined : busy.reduce(soonest);
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  if (later !== undefined && doneInMs(later) * (1 + errorPercent / 100) + later.freeInMs < doneInMs(now))
    return {
      option: later,
      insteadOf: now,
      why: `done in ${seconds(doneInMs(later))} though it is busy for ${seconds(later.freeInMs)}; ${now.agent.id} would take ${seconds(doneInMs(now))}`,
    };
  const agents = free.map(({ agent }) => agent);
  return { option: now, why: `done in ${seconds(doneInMs(now))}, ${amongAll("the soonest", agents)}` };
}
