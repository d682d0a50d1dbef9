export { durationOf, elapsedOf } from "./advance.js";
export { type Applied, apply } from "./apply.js";
export { type AsRunEntry, asRun, type JournalEntry } from "./as-run.js";
export type { Action, Condition, Refusal, RefusalCode, TimelineCommand } from "./command.js";
export { type NextView, type Observation, observe, type SceneView } from "./observe.js";
export {
  FRAME_RATES,
  type FrameRate,
  LIFECYCLES,
  type Lifecycle,
  lengthOf,
  type Rundown,
  type Scene,
} from "./rundown.js";
export { type Mode, newTimeline, type StreamStatus, type TimelineState } from "./state.js";
export { isTimeOfDay, nextTimeOfDay } from "./wall-clock.js";
