import { advance } from "./advance.js";
import { apply } from "./apply.js";
import type { TimelineCommand } from "./command.js";
import type { Rundown } from "./rundown.js";
import { newTimeline, type OnAir, type TimelineState } from "./state.js";

/** A command as it was accepted, with the moment that it was stamped with. */
export interface JournalEntry {
  readonly atMs: number;
  readonly command: TimelineCommand;
}

/** One scene as it really was on air. */
export interface AsRunEntry {
  /** The run that it was in, from 1. */
  readonly run: number;
  readonly instance: number;
  readonly sceneId: string;
  readonly name: string;
  readonly startedAtMs: number;
  /** Null while it is on air. */
  readonly endedAtMs: number | null;
  readonly plannedMs: number;
  /** What took it off: its time was up, or a command, by its first action. */
  readonly endedBy: string | null;
}

/**
 * What went on air, computed from the journal: nothing is written down while a show runs, so nothing can be missing in it.
 * Of long loops the newest scenes only.
 *
 * @param limit entries, the newest.
 */
export function asRun(
  made: { rundown: Rundown; atMs: number },
  journal: Iterable<JournalEntry>,
  untilMs: number,
  limit: number,
): AsRunEntry[] {
  let entries: AsRunEntry[] = [];
  let state = newTimeline(made.rundown, made.atMs);
  const note = (onAir: OnAir, runNumber: number, endedAtMs: number | null, endedBy: string | null) => {
    // A scene that was put on and taken off in one batch was never seen.
    if (endedAtMs !== null && endedAtMs === onAir.airedAtMs && endedBy !== "end") return;
    const { scene, instance, airedAtMs: startedAtMs } = onAir;
    entries.push({
      ...{ run: runNumber, instance, sceneId: scene.id, name: scene.name, startedAtMs, endedAtMs },
      ...{ plannedMs: scene.durationMs, endedBy },
    });
    if (entries.length > 2 * limit) entries = entries.slice(-limit);
  };
  /** Lets time pass, noting what ends by itself. */
  const pass = (given: TimelineState, atMs: number): TimelineState => {
    const number = given.run?.number ?? 0;
    const begins = given.mode === "idle" ? 1 : 0;
    return advance(given, atMs, (onAir, endedAtMs) => note(onAir, number + begins, endedAtMs, "end"), limit);
  };
  for (const { atMs, command } of journal) {
    const before = pass(state, Math.max(atMs, state.lastAtMs));
    const applied = apply(state, command, atMs);
    if (!applied.ok || applied.repeated) continue;
    const after = applied.state;
    if (before.onAir !== null && !isSame(before, after))
      note(before.onAir, before.run?.number ?? 1, applied.atMs, command.actions[0]?.kind ?? null);
    state = after;
  }
  const last = pass(state, Math.max(untilMs, state.lastAtMs));
  if (last.onAir !== null) note(last.onAir, last.run?.number ?? 1, null, null);
  return entries.slice(-limit);
}

const isSame = (before: TimelineState, after: TimelineState): boolean =>
  before.run?.number === after.run?.number && before.onAir?.instance === after.onAir?.instance && after.onAir !== null;
