import type { Random } from "../random.js";

/** What customers do meanwhile. */
export type Errand = { atMs: number } & (
  | { do: "submit-light"; config: LightConfig; restart: boolean }
  | { do: "submit-stream"; restart: boolean; continues: boolean }
  | { do: "stop-light" | "stop-stream"; which: number }
  | { do: "switch-stream"; command: SwitchCommand; which: number }
  | { do: "drain"; drain: boolean; which: number }
);

export const SWITCH_COMMANDS = ["mute", "unmute", "pause", "unpause"] as const;
export type SwitchCommand = (typeof SWITCH_COMMANDS)[number];

/** The config of a job for a stand-in. */
export interface LightConfig {
  standIn: {
    /** Ends by itself after this many milliseconds; null: it is stopped some time. */
    runMs: number | null;
    /** The first runs, up to this number, fail. */
    failures: number;
  };
  /** Higher than the real agents take, so that only stand-ins are given it. */
  video: { height: 2160 };
}

const SUBMIT_EVERY_MS = 100;
const STOP_EVERY_MS = 600;
const STREAM_ERRAND_EVERY_MS = 1500;
const DRAIN_EVERY_MS = 15_000;
/** How long an agent is drained. */
const DRAIN_FOR_MS = [1000, 8000] as const;

/** Every errand of a storm of that length, in the order of time. */
export function planErrands(random: Random, stormMs: number): Errand[] {
  return [
    ...every(random, SUBMIT_EVERY_MS, stormMs).map((atMs) => lightJob(random, atMs)),
    ...every(random, STOP_EVERY_MS, stormMs).map((atMs) => ({ atMs, do: "stop-light" as const, which: random.next() })),
    ...every(random, STREAM_ERRAND_EVERY_MS, stormMs).flatMap((atMs) => streamErrand(random, atMs)),
    ...every(random, DRAIN_EVERY_MS, stormMs).flatMap((atMs) => drainFor(random, atMs)),
  ].sort((a, b) => a.atMs - b.atMs);
}

/** A stream that is there before the storm, or comes in it. Every second one moves when its agent is lost. */
export function streamJob(random: Random, atMs: number): Extract<Errand, { do: "submit-stream" }> {
  const restart = random.chance(0.6);
  return { atMs, do: "submit-stream", restart, continues: !restart || random.chance(0.2) };
}

function lightJob(random: Random, atMs: number): Errand {
  const runMs = random.chance(0.75) ? random.between(50, 4000) : null;
  const failures = random.chance(0.1) ? 1 : 0;
  const config = { standIn: { runMs, failures }, video: { height: 2160 } } as const;
  return { atMs, do: "submit-light", config, restart: failures > 0 || random.chance(0.5) };
}

function streamErrand(random: Random, atMs: number): Errand[] {
  if (random.chance(1 / 6)) return [{ atMs, do: "stop-stream", which: random.next() }, streamJob(random, atMs)];
  const command = random.weighted(SWITCH_COMMANDS.map((name) => [name, 1] as const));
  return [{ atMs, do: "switch-stream", command, which: random.next() }];
}

/** An agent gives its movable jobs away and takes nothing new, for a while. */
function drainFor(random: Random, atMs: number): Errand[] {
  const which = random.next();
  const until = atMs + random.between(...DRAIN_FOR_MS);
  return [
    { atMs, do: "drain", drain: true, which },
    { atMs: until, do: "drain", drain: false, which },
  ];
}

/** Moments that lie about that far apart. */
function every(random: Random, pauseMs: number, untilMs: number): number[] {
  const moments: number[] = [];
  for (let at = random.between(0, pauseMs); at < untilMs; at += random.between(pauseMs / 2, pauseMs * 1.5))
    moments.push(at);
  return moments;
}
