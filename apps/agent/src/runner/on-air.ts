import type { OnAir } from "@stream-control/protocol";
import { type Health, isUsable } from "./source-health.js";

/** All that decides what the destinations should get. */
export interface AirFacts {
  paused: boolean;
  pauseTo: "slate" | "nothing";
  program: Health;
  /** The program was lost and may come back only when somebody says so. */
  heldBack: boolean;
  /** Undefined where there is none. */
  backup: Health | undefined;
  /** Whether a picture ever went out. */
  begun: boolean;
}

/**
 * What the destinations should get. The first that holds:
 *
 * | holds | on air |
 * | --- | --- |
 * | paused | `paused`, or `nothing` where the job asks for that |
 * | the program is usable and not held back | `program` |
 * | the backup is usable | `backup` |
 * | something was on air before | `slate` |
 * | otherwise | undefined: the first picture is waited for |
 */
export function wantedOnAir({ paused, pauseTo, program, heldBack, backup, begun }: AirFacts): OnAir | undefined {
  if (paused) return pauseTo === "nothing" ? "nothing" : "paused";
  if (isUsable(program) && !heldBack) return "program";
  if (isUsable(backup)) return "backup";
  return begun ? "slate" : undefined;
}

/** Whether a slate should be made ready although it is not wanted yet. */
export function slateMayBeNeeded(facts: AirFacts): boolean {
  const wanted = wantedOnAir(facts);
  return (
    (wanted === "program" && facts.program === "faltering" && !isUsable(facts.backup)) ||
    (wanted === "backup" && facts.backup === "faltering")
  );
}
