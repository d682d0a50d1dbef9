import type { OverlayFiles, Redactor, TsSwitcher } from "@stream-control/ffmpeg";
import type { JsonObject } from "@stream-control/protocol";
import type { RunnerSpec } from "./contract.js";
import type { Reach } from "./reach/reach.js";

/** What every part of a running job works with. */
export interface Toolbox {
  spec: RunnerSpec;
  env: Record<string, string>;
  /** Put before the commands of encoders and probes, which could outlive a killed runner; see `FfmpegProcessOptions.launcher`. */
  launcher: readonly string[];
  /** Where secrets of command lines may be; see `FfmpegProcessOptions.hideIn`. */
  hideIn: readonly string[];
  /** Decides what may be opened, and how. */
  reach: Reach;
  redactor: Redactor;
  /** What is burnt into the picture of a source; undefined where nothing is. */
  overlay: OverlayFiles | undefined;
  switcher: TsSwitcher;
  /** Milliseconds of a clock that never jumps. */
  now: () => number;
  random: () => number;
  /** A line that a program said, redacted before it leaves. */
  onLine: (from: string, line: string) => void;
  /** Something worth keeping, such as `stream.source_lost`. */
  onEvent: (event: string, message: string, data?: JsonObject) => void;
}
