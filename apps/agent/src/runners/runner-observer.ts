import type { JsonObject, Progress } from "@stream-control/protocol";
import type { RunnerResult, RunnerStatus } from "../runner/contract.js";

/** What a runner tells of its job. `onEnded` is the last call. */
export interface RunnerObserver {
  onStatus(status: RunnerStatus, progress: Progress | undefined): void;
  onProgress(progress: Progress): void;
  onLog(level: "info" | "warn" | "error", message: string): void;
  /** @param jpeg a picture of what goes out, in Base64. */
  onPicture(jpeg: string, takenAt: string): void;
  onEvent(type: string, message: string, data: JsonObject | undefined): void;
  onEnded(result: RunnerResult): void;
}

/** Waits of the agent for a runner, in milliseconds. */
export interface RunnerWaits {
  /** A living runner that cannot be reached for this long is ended. */
  unreachableMs: number;
  /** From a command to its reply. */
  replyMs: number;
  /** Beyond a stop's own grace times, until the runner is ended by force. */
  overdueMs: number;
}
export const RUNNER_WAITS: RunnerWaits = { unreachableMs: 20_000, replyMs: 5000, overdueMs: 5000 };
