import type { JsonObject } from "@stream-control/protocol";
import type { Agent } from "../../agents/agent.js";
import type { AgentRegistry } from "../../agents/registry.js";
import { refusalOf } from "../../scheduling/placement.js";
import { requirementOf } from "../../scheduling/requirement.js";

/** Refusals that end when another job does. */
const PASSING = ["BUSY", "CPU", "MEMORY", "NETWORK"];

/** Agents as those see them who cut renders into parts. */
export class Renderers {
  constructor(private readonly registry: Pick<AgentRegistry, "all">) {}

  /** Agents that could take such a job, as soon as they have a slot. */
  able(config: JsonObject, room: string): Agent[] {
    return this.with(config, room, PASSING);
  }

  /** Agents that could take such a job now, and have nothing else to do. */
  idle(config: JsonObject, room: string): Agent[] {
    return this.with(config, room, []).filter(({ used }) => used === 0);
  }

  private with(config: JsonObject, room: string, bearing: readonly string[]): Agent[] {
    const job = { requirement: requirementOf(config, room), avoid: new Map<string, string>() };
    return [...this.registry.all()].filter((agent) => {
      const refusal = refusalOf(agent, job);
      return refusal === undefined || bearing.includes(refusal.code);
    });
  }
}
