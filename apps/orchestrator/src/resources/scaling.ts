/** What is known of a fleet, or of a room of it. */
export interface FleetNow {
  /** Slots of each agent that is connected and takes jobs, and how many of them hold a job. */
  readonly agents: readonly { readonly slots: number; readonly used: number }[];
  /** Jobs that wait for an agent because none has room. */
  readonly waitingStreams: number;
  readonly waitingRenders: number;
  readonly runningStreams: number;
  readonly runningRenders: number;
  /** Milliseconds that a render takes in the mean; undefined where too few are known. */
  readonly renderMs: number | undefined;
  /** How many renders are expected to come within the hour; undefined where nobody can say. */
  readonly rendersNextHour: number | undefined;
  /** How long a render may wait, in milliseconds. */
  readonly waitTargetMs: number;
}

/** How many slots and agents there ought to be, and why in a sentence. */
export interface Advice {
  readonly desiredSlots: number;
  readonly desiredAgents: number;
  readonly reason: string;
}

const HOUR_MS = 3_600_000;

/**
 * Reckons how large a fleet ought to be.
 *
 * Streams are wanted now, so that each needs a slot of its own. Renders can wait: those that do must be done within the wait target,
 * which takes `waiting × length / target` slots, and those to come keep `rate × length` slots busy (Little's law). An agent with
 * a job cannot be spared, whatever the sum says.
 */
export function advise(fleet: FleetNow): Advice {
  const { agents, waitingStreams, waitingRenders, runningStreams, runningRenders, renderMs, waitTargetMs } = fleet;
  const streams = runningStreams + waitingStreams;
  const queued =
    renderMs === undefined
      ? waitingRenders
      : Math.min(waitingRenders, Math.ceil((waitingRenders * renderMs) / waitTargetMs));
  const expected =
    renderMs === undefined || fleet.rendersNextHour === undefined
      ? 0
      : Math.ceil((fleet.rendersNextHour * renderMs) / HOUR_MS);
  const renders = Math.max(runningRenders + queued, expected);
  const desiredSlots = streams + renders;
  const perAgent = slotsPerAgent(agents.map(({ slots }) => slots));
  const busyAgents = agents.filter(({ used }) => used > 0).length;
  const desiredAgents = Math.max(Math.ceil(desiredSlots / perAgent), busyAgents);
  return {
    desiredSlots,
    desiredAgents,
    reason: sentence({ fleet, queued, expected, perAgent, desiredAgents, desiredSlots }),
  };
}

/** What an agent more would bring: the median, and 1 where nobody is there to learn from. */
function slotsPerAgent(slots: readonly number[]): number {
  const sorted = slots.filter((count) => count > 0).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 1;
}

interface Reckoned {
  fleet: FleetNow;
  queued: number;
  expected: number;
  perAgent: number;
  desiredAgents: number;
  desiredSlots: number;
}

function sentence({ fleet, queued, expected, perAgent, desiredAgents, desiredSlots }: Reckoned): string {
  const { waitingStreams, waitingRenders, runningStreams, runningRenders, renderMs, waitTargetMs } = fleet;
  const parts = [
    ...(runningStreams + waitingStreams > 0 ? [`${runningStreams} streams on air and ${waitingStreams} waiting`] : []),
    ...(runningRenders > 0 ? [`${runningRenders} renders under way`] : []),
    ...(waitingRenders > 0
      ? [
          renderMs === undefined
            ? `${waitingRenders} renders waiting`
            : `${queued} slots for ${waitingRenders} waiting renders of about ${seconds(renderMs)} s to be begun within ${seconds(waitTargetMs)} s`,
        ]
      : []),
    ...(expected > runningRenders + queued
      ? [`${expected} slots for the renders that are expected within the hour`]
      : []),
  ];
  if (parts.length === 0) return "Nothing runs, waits or is expected.";
  const busy = desiredAgents > Math.ceil(desiredSlots / perAgent) ? " No agent that has a job can be spared." : "";
  return `${parts.join(", ")}: ${desiredSlots} slots, ${perAgent} to an agent.${busy}`;
}

const seconds = (ms: number): number => Math.max(1, Math.round(ms / 1000));
