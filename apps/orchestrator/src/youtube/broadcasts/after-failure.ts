import type { FailureKind } from "../api/errors.js";

/** A failure, and where it happened. */
export interface Failed {
  kind: FailureKind;
  reason: string;
  /** What was being done. */
  doing: "prepare" | "go-live" | "edit" | "end";
  /** Failures in a row, with this one. */
  attempts: number;
  /** Its stream is one that is kept for a sheet, and may have been deleted by somebody meanwhile. */
  keepsStream: boolean;
}

/**
 * What to do about a failure. `retry`: again after a growing pause. `look`: see how the broadcast stands, then decide anew.
 * `next-day`: when the quota begins anew, or sooner where it was only kept for others. `other-stream`: the kept stream is gone, another one is made.
 * `connect`: when the channel is connected again. `give-up`: nothing more, the job goes on without. `halt`: not again before
 * the stream is started anew or an operator asks for it. `skip`: leave this one step out.
 */
export type Remedy = "retry" | "look" | "next-day" | "other-stream" | "connect" | "give-up" | "halt" | "skip";

/** Tries of one thing before it is given up; with the pauses between them that is some hours. */
const MAX_ATTEMPTS = { prepare: 25, "go-live": 60, edit: 5, end: 200 } as const;
/** Things that a refusal may change by itself, such as a channel being enabled, tried no more often than this in a row. */
const MAX_REFUSALS_AT_END = 12;
const GONE_ATTEMPTS = 3;

/** Pure. */
export function remedyFor({ kind, reason, doing, attempts, keepsStream }: Failed): Remedy {
  const exhausted = attempts >= MAX_ATTEMPTS[doing];
  switch (kind) {
    case "disconnected":
    case "reconnect":
      return "connect";
    case "quota":
      return doing === "edit" ? "retry" : "next-day";
    case "retry":
      if (!exhausted) return "retry";
      return doing === "edit" ? "skip" : doing === "go-live" ? "halt" : "give-up";
    case "state":
      if (!exhausted) return "look";
      return doing === "edit" ? "skip" : doing === "go-live" ? "halt" : "give-up";
    case "gone":
      if (doing === "end") return "look";
      // What has just been made can take a moment to be known everywhere.
      if (doing === "prepare" && attempts <= GONE_ATTEMPTS) return "retry";
      return doing === "prepare" && keepsStream && reason === "liveStreamNotFound" ? "other-stream" : "give-up";
    case "refused":
      if (doing === "edit") return "skip";
      if (doing === "go-live") return "halt";
      return doing === "end" && attempts < MAX_REFUSALS_AT_END ? "retry" : "give-up";
  }
}
