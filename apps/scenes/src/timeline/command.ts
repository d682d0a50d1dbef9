import type { Rundown } from "./rundown.js";
import type { StopReason } from "./state.js";

/** What can be asked of a timeline. Scenes are meant by id or name. */
export type Action =
  /** Begins a run from the start offset: now, or by the clock where `startAtMs` is still to come. */
  | { readonly kind: "start"; readonly startAtMs?: number | undefined }
  | { readonly kind: "stop"; readonly reason?: StopReason | undefined }
  | { readonly kind: "pause" }
  | { readonly kind: "resume" }
  /** Puts a scene on air at once, whatever is on now; begins a run where none is under way. */
  | { readonly kind: "force"; readonly scene: string }
  /** Goes to what is next. Past the last scene, the run is finished. */
  | { readonly kind: "skip" }
  /** Back to before the first start. */
  | { readonly kind: "reset" }
  /** Makes another rundown count, from the next scene on. */
  | { readonly kind: "reconfigure"; readonly rundown: Rundown }
  | { readonly kind: "status"; readonly status: string; readonly message: string }
  /** Says which scene is next instead of the one that follows; null takes that back. */
  | { readonly kind: "cue"; readonly scene: string | null }
  /** Puts the next scene, the cued one where there is one, on air. */
  | { readonly kind: "take" }
  /** Keeps the scene on air beyond its end. */
  | { readonly kind: "hold" }
  /** Ends a hold: what is over its time is followed at once. */
  | { readonly kind: "release" }
  /** Makes the scene on air longer, or shorter; never shorter than it has been on already. */
  | { readonly kind: "adjust"; readonly deltaMs: number };

/** What must be true for a command to count, so that two operators who mean the same don't do it twice. */
export interface Condition {
  /** The scene that is on air. */
  readonly onAir?: string | undefined;
  readonly revision?: number | undefined;
}

/** Several actions that count together or not at all, at one moment. */
export interface TimelineCommand {
  readonly commandId: string;
  /** At least one. */
  readonly actions: readonly Action[];
  readonly condition?: Condition | undefined;
}

/** Why a command does not count. The message is a sentence for whoever sent it. */
export interface Refusal {
  readonly code: RefusalCode;
  readonly message: string;
  /** Which of several actions is the reason. */
  readonly action?: number;
}

export const REFUSAL_CODES = [
  "TIMELINE_NOT_RUNNING",
  "TIMELINE_RUNNING",
  "SCENE_NOT_FOUND",
  "NOTHING_NEXT",
  "CONDITION_FAILED",
] as const;
export type RefusalCode = (typeof REFUSAL_CODES)[number];
