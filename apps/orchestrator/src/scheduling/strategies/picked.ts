import type { AgentLoad } from "@stream-control/protocol";
import type { Candidate } from "../placement.js";

/** An agent as the strategies see it. */
export interface Rated extends Candidate {
  /** As it said last. */
  readonly load: AgentLoad | null;
}

/** Whom a strategy takes, and why, in a sentence. */
export interface Picked<Agent extends Rated> {
  readonly agent: Agent;
  readonly why: string;
}

/** Why a strategy cannot tell. */
export interface Unknown {
  readonly unknown: string;
}

/** At least one. */
export type Some<T> = readonly [T, ...T[]];

/** The one with the highest value; of several the one that was given the fewest jobs. */
export function highest<Agent extends Rated>(agents: Some<Agent>, rate: (agent: Agent) => number): Agent {
  let [best] = agents;
  let bestValue = rate(best);
  for (const agent of agents) {
    const value = rate(agent);
    if (value < bestValue || (value === bestValue && agent.assigned >= best.assigned)) continue;
    best = agent;
    bestValue = value;
  }
  return best;
}

/** The part of an agent that nothing uses, from 0.05 to 1: by its slots, and by its processor where it says. */
export function idlePart({ used, capabilities, load }: Rated): number {
  const slots = 1 - used / Math.max(1, capabilities.slots);
  const processor = load?.cpuPercent === undefined ? 1 : 1 - load.cpuPercent / 100;
  return Math.max(0.05, Math.min(slots, processor));
}

/** `2 of 4 slots in use`. */
export const inUse = ({ used, capabilities }: Rated): string => `${used} of ${capabilities.slots} slots in use`;

/** `the least of 3 agents that may have it`. */
export const amongAll = (what: string, agents: readonly unknown[]): string =>
  agents.length === 1 ? "the only agent that may have it" : `${what} of ${agents.length} agents that may have it`;
