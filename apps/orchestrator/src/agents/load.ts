import type { AgentLoad } from "@stream-control/protocol";

/** A part by which a figure must have changed to be worth telling: a fleet that says how it is all the time says nothing. */
const WORTH = 0.2;
/** Changes below this are none, in the figures' own units. */
const FLOORS: Record<keyof AgentLoad, number> = {
  cpuPercent: 5,
  memoryUsedMiB: 128,
  memoryTotalMiB: 1,
  diskFreeMiB: 1024,
  networkRxKbps: 200,
  networkTxKbps: 200,
};

/** Whether pages should be told of a load, after the one that they were told last. */
export function isNewsOfLoad(told: AgentLoad | null, now: AgentLoad): boolean {
  if (told === null) return true;
  return (Object.keys(FLOORS) as (keyof AgentLoad)[]).some((figure) => {
    const [before, after] = [told[figure] ?? 0, now[figure] ?? 0];
    return Math.abs(after - before) > Math.max(FLOORS[figure], before * WORTH);
  });
}
