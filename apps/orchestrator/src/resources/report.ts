import type { AgentResourceUse, ResourcesReply, ScalingAdvice } from "@stream-control/protocol";
import type { Agent } from "../agents/agent.js";
import { type Amounts, NOTHING, plus, RESOURCES, type Resource, shown } from "./amounts.js";

/** Amounts of what is known; the rest is left out. */
type Known = AgentResourceUse["capacity"];

const SHOWN_AS = { cpu: "cpu", memoryMiB: "memory", diskMiB: "disk", gpu: "gpu", networkKbps: "network" } as const;

/** What an agent has, what of it is reserved for which job, and what is in use. */
export function useOf(agent: Agent): AgentResourceUse {
  const { resources, capabilities } = agent;
  const capacity = known(resources.capacity);
  const balance = {
    slots: capabilities.slots,
    slotsUsed: agent.used,
    ...{ capacity, reserved: shown(resources.reserved), used: usedOf(agent) },
  };
  return {
    agentId: agent.id,
    name: agent.name,
    room: agent.room,
    state: agent.state,
    ...balance,
    utilization: utilizationOf(balance),
    reservations: [...agent.jobs].map(([jobId, { epoch, status }]) => ({
      ...{ id: `res_${jobId}_${epoch}`, jobId, epoch, status },
      reserved: shown(resources.of(jobId)),
    })),
  };
}

/** A resource of which any agent says nothing is the sum of what the others say. */
const known = (amounts: Partial<Amounts>): Known => {
  const whole = shown({ ...NOTHING, ...amounts });
  return Object.fromEntries(RESOURCES.flatMap((name) => (amounts[name] === undefined ? [] : [[name, whole[name]]])));
};

/** As the machine said last, of what it has in all. */
function usedOf({ load, resources, connected }: Agent): Known {
  if (load === null || !connected) return {};
  const cores = (resources.capacity.cpu ?? 0) / 1000;
  return {
    ...(load.cpuPercent === undefined || cores === 0 ? {} : { cpu: Math.round(load.cpuPercent * cores * 10) / 1000 }),
    ...(load.memoryUsedMiB === undefined ? {} : { memoryMiB: load.memoryUsedMiB }),
    ...(load.networkTxKbps === undefined ? {} : { networkKbps: load.networkTxKbps }),
  };
}

type Balance = Omit<AgentResourceUse, "utilization" | "agentId" | "name" | "room" | "state" | "reservations">;

function utilizationOf({ slots, slotsUsed, capacity, reserved, used }: Balance): AgentResourceUse["utilization"] {
  const part = (resource: Resource): number | undefined => {
    const has = capacity[resource];
    if (has === undefined || has === 0) return undefined;
    return ratio(Math.max(reserved[resource], used[resource] ?? 0), has);
  };
  const parts = RESOURCES.flatMap((resource) => {
    const value = part(resource);
    return value === undefined ? [] : [[SHOWN_AS[resource], value] as const];
  });
  return { ...(slots > 0 ? { slots: ratio(slotsUsed, slots) } : {}), ...Object.fromEntries(parts) };
}

const ratio = (part: number, whole: number): number => Math.round((part / whole) * 1000) / 1000;

/** The answer of `GET /api/v1/resources`. Totals count agents that are connected. */
export function resourcesReply(
  agents: readonly Agent[],
  waiting: readonly Amounts[],
  scaling: ScalingAdvice[],
  now: Date,
): ResourcesReply {
  const uses = agents.map(useOf);
  const reservedBy = new Map(agents.map(({ id, resources }) => [id, resources.reserved]));
  const connected = uses.filter(({ state }) => state !== "OFFLINE");
  const total = (of: (use: AgentResourceUse) => number) => connected.reduce((sum, use) => sum + of(use), 0);
  const sums = (of: (use: AgentResourceUse) => Known) =>
    Object.fromEntries(
      RESOURCES.flatMap((resource) => {
        const values = connected.flatMap((use) => of(use)[resource] ?? []);
        return values.length === 0 ? [] : [[resource, round(values.reduce((sum, value) => sum + value, 0))]];
      }),
    ) as Known;
  const balance = {
    slots: total(({ slots }) => slots),
    slotsUsed: total(({ slotsUsed }) => slotsUsed),
    capacity: sums(({ capacity }) => capacity),
    reserved: shown(connected.map(({ agentId }) => reservedBy.get(agentId) ?? NOTHING).reduce(plus, NOTHING)),
    used: sums(({ used }) => used),
  };
  return {
    timestamp: now.toISOString(),
    totals: { agents: uses.length, connected: connected.length, ...balance, utilization: utilizationOf(balance) },
    waiting: { jobs: waiting.length, needed: shown(waiting.reduce(plus, NOTHING)) },
    agents: uses,
    scaling,
  };
}

const round = (value: number): number => Math.round(value * 1000) / 1000;
