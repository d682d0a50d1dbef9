import type { AgentPerformance, JobKind } from "../history/agent-performance.js";
import { amongAll, highest, idlePart, type Picked, type Rated, type Some, type Unknown } from "./picked.js";

/** The one that has done best at this kind of job, as far as it is idle and did not fail. */
export function performanceBased<Agent extends Rated>(
  agents: Some<Agent>,
  kind: JobKind,
  shown: Pick<AgentPerformance, "of" | "faultsOf">,
): Picked<Agent> | Unknown {
  if (shown.of(agents[0].id, kind) === undefined) return { unknown: `no ${kind} has been measured yet` };
  const agent = highest(
    agents,
    (each) => (shown.of(each.id, kind)?.timesTheFleet ?? 1) * idlePart(each) * (1 - shown.faultsOf(each.id).part),
  );
  const { timesTheFleet = 1, basedOn = 0 } = shown.of(agent.id, kind) ?? {};
  const pace = `${timesTheFleet.toFixed(2)} times the fleet's ${kind === "render" ? "pace" : "speed"} in ${basedOn} jobs`;
  return { agent, why: `${pace}, ${Math.round(idlePart(agent) * 100)} % idle: ${amongAll("the best", agents)}` };
}
