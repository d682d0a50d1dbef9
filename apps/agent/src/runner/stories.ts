import type { ErrorInfo, OnAir } from "@stream-control/protocol";
import type { LossReason } from "./source-try.js";

/** What is on air, inside a sentence. */
export const ON_AIR_WORDS: Record<OnAir, string> = {
  program: "the program",
  backup: "the backup input",
  slate: "the slate",
  paused: "the holding picture",
  nothing: "nothing",
};

const LOSS_SENTENCES: Record<LossReason, string> = {
  no_frames: "The source gives no pictures.",
  black: "The source's picture is black.",
  frozen: "The source's picture does not move.",
  silent: "The source is silent.",
};

/** Why a source whose encode runs counts as lost. */
export const lossError = (reason: LossReason): ErrorInfo => ({
  code: "SOURCE_LOST",
  message: LOSS_SENTENCES[reason],
  detail: { fault: "source", cause: reason.toUpperCase() },
});
