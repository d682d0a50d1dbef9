import type { HealthStatus, Service, ServicesReply } from "@stream-control/protocol";
import type { Agent } from "../agents/agent.js";
import type { Health } from "./health.js";

/** What there is beside the agents. */
export interface ServiceFacts {
  version: string;
  /** Where results are kept: `folder`, `bucket`, both or nothing. */
  stores: readonly string[];
}

/** The answer of `GET /api/v1/services`: the service itself, where results are, and the agents that registered. */
export function servicesReply(health: Health, agents: readonly Agent[], facts: ServiceFacts, now: Date): ServicesReply {
  const timestamp = now.toISOString();
  const { health: own, status } = health.reply(true);
  const results = own.components.find(({ component }) => component === "results");
  const services: Service[] = [
    {
      ...{ id: "orchestrator", name: "Orchestrator", type: "orchestrator", status, version: facts.version, room: null },
      ...{ health: { status, message: own.summary }, capabilities: {}, lastSeenAt: timestamp },
    },
    ...facts.stores.map(
      (store): Service => ({
        ...{ id: `storage-${store}`, name: `Results in a ${store}`, type: "storage", version: null, room: null },
        ...{ status: results?.status ?? "healthy", capabilities: {}, lastSeenAt: timestamp },
        health: { status: results?.status ?? "healthy", message: results?.message ?? "It has not been looked at yet." },
      }),
    ),
    ...agents.map(ofAgent),
  ];
  return { timestamp, total: services.length, services };
}

function ofAgent(agent: Agent): Service {
  const { id, name, state, version, room, capabilities, lastSeenAt, error } = agent.record();
  const [status, message]: [HealthStatus, string] = !agent.connected
    ? ["unhealthy", "It is offline."]
    : agent.faulty
      ? ["degraded", error?.message ?? "It reported an error."]
      : agent.draining
        ? ["degraded", "It takes no new jobs."]
        : ["healthy", "It takes jobs."];
  return {
    id,
    name,
    type: "agent",
    status: state,
    version,
    room,
    capabilities,
    lastSeenAt,
    health: { status, message },
  };
}
