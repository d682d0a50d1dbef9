import { amongAll, highest, inUse, type Picked, type Rated, type Some } from "./picked.js";

/** The one with the smallest part of its slots in use. */
export function leastLoaded<Agent extends Rated>(agents: Some<Agent>): Picked<Agent> {
  const agent = highest(agents, ({ used, capabilities }) => -used / capabilities.slots);
  return { agent, why: `${inUse(agent)}, ${amongAll("the smallest part", agents)}` };
}

/** The one with the fewest jobs, whatever its size. */
export function leastConnections<Agent extends Rated>(agents: Some<Agent>): Picked<Agent> {
  const agent = highest(agents, ({ used }) => -used);
  return { agent, why: `${agent.used} jobs, ${amongAll("the fewest", agents)}` };
}
