import type { Random } from "../random.js";

/** What is broken, and how. */
export const FAULT_KINDS = [
  "orchestrator.kill",
  "orchestrator.freeze",
  "orchestrator.restart",
  "agent.kill",
  "agent.freeze",
  "agent.restart",
  "machine.kill",
  "stand-ins.kill",
  "stand-ins.freeze",
  "link.cut",
  "link.hold",
  "link.refuse",
  "runner.kill",
  "runner.freeze",
  "ffmpeg.kill",
  "ffmpeg.freeze",
  "rtmp.kill",
  "rtmp.freeze",
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** One fault, planned before anything runs. */
export interface Fault {
  /** Milliseconds from the beginning of the storm. */
  atMs: number;
  kind: FaultKind;
  /** In [0, 1): which of the possible victims. Which ones there are then, only the run knows. */
  victim: number;
  /** How long the victim stays down, frozen or cut off. */
  forMs: number;
  /** In [0, 1): for the choices that a kind of fault has left. */
  how: number;
}

/** How often each kind comes, beside the others. */
const WEIGHTS: readonly (readonly [FaultKind, number])[] = [
  ["orchestrator.kill", 3],
  ["orchestrator.freeze", 1],
  ["orchestrator.restart", 1],
  ["agent.kill", 4],
  ["agent.freeze", 2],
  ["agent.restart", 1],
  ["machine.kill", 2],
  ["stand-ins.kill", 2],
  ["stand-ins.freeze", 2],
  ["link.cut", 4],
  ["link.hold", 3],
  ["link.refuse", 2],
  ["runner.kill", 2],
  ["runner.freeze", 1],
  ["ffmpeg.kill", 4],
  ["ffmpeg.freeze", 1],
  ["rtmp.kill", 1],
  ["rtmp.freeze", 1],
];

/** Milliseconds between two faults: often less than it takes to recover from the first. */
const PAUSE_MS = [50, 1000] as const;
/** Where single kinds are asked for, each fault has the time to be recovered from, so that its cost can be seen. */
const APART_MS = [6000, 12_000] as const;
/** Short ones test what rides them out, long ones outlast heartbeat timeout and lease. */
const SHORT_MS = [50, 1500] as const;
const LONG_MS = [3000, 10_000] as const;

/**
 * Every fault of a storm of that length, in the order of time. The same random numbers give the same storm.
 *
 * @param only the kinds that may come, further apart then; all of them unless given.
 */
export function planFaults(random: Random, stormMs: number, only?: readonly FaultKind[]): Fault[] {
  const weights = WEIGHTS.filter(([kind]) => only === undefined || only.includes(kind));
  const [soonest, latest] = only === undefined ? PAUSE_MS : APART_MS;
  const faults: Fault[] = [];
  for (let atMs = random.between(PAUSE_MS[0], soonest); atMs < stormMs; atMs += random.between(soonest, latest)) {
    const kind = random.weighted(weights);
    const [shortest, longest] = random.chance(0.35) ? LONG_MS : SHORT_MS;
    const forMs = random.between(shortest, longest);
    faults.push({ atMs, kind, victim: random.next(), forMs, how: random.next() });
  }
  return faults;
}
