import { amongAll, idlePart, inUse, type Picked, type Rated, type Some } from "./picked.js";

const byId = (a: Rated, b: Rated): number => (a.id < b.id ? -1 : 1);

/**
 * One after another, in the order of their ids.
 *
 * @param last who was taken last; need not be among them.
 */
export function roundRobin<Agent extends Rated>(agents: Some<Agent>, last: string | undefined): Picked<Agent> {
  const inOrder = [...agents].sort(byId);
  const agent = inOrder.find(({ id }) => last === undefined || id > last) ?? inOrder[0] ?? agents[0];
  return {
    agent,
    why: last === undefined ? amongAll("the first", agents) : `${amongAll("the next", agents)} after ${last}`,
  };
}

/** What each agent is still owed, by its id. */
export type Credits = ReadonlyMap<string, number>;

/**
 * In turn, each as often as it has room: smooth weighted round robin (as nginx does it) whose weight is the number of an
 * agent's slots times the part of it that is idle.
 *
 * @returns also the credits for the next time.
 */
export function weighted<Agent extends Rated>(
  agents: Some<Agent>,
  credits: Credits,
): Picked<Agent> & { credits: Credits } {
  const next = new Map(credits);
  let total = 0;
  for (const agent of agents) {
    const weight = weightOf(agent);
    total += weight;
    next.set(agent.id, (next.get(agent.id) ?? 0) + weight);
  }
  const credit = ({ id }: Agent) => next.get(id) ?? 0;
  const best = agents.reduce((first: Agent, other) =>
    credit(other) > credit(first) || (credit(other) === credit(first) && byId(other, first) < 0) ? other : first,
  );
  next.set(best.id, (next.get(best.id) ?? 0) - total);
  const share = Math.round((100 * weightOf(best)) / total);
  return { agent: best, why: `its turn: ${inUse(best)}, ${share} % of the room that there is`, credits: next };
}

const weightOf = (agent: Rated): number => agent.capabilities.slots * idlePart(agent);
