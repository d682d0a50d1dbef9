import type { LifeCycle } from "../api/resources.js";

/** What is known of a broadcast on disk, as far as it decides what comes next. */
export interface Begun {
  state: "preparing" | "ready" | "live" | "ended";
  /** An insert was begun whose outcome is not known: look before it is made again. */
  unsure: "stream" | "broadcast" | null;
  streamId: string | null;
  broadcastId: string | null;
  bound: boolean;
  /** The stream was made for this broadcast alone, and goes with it. */
  ownsStream: boolean;
  /** Title or description were changed here and not at YouTube yet. */
  textsDiffer: boolean;
}

/** What YouTube last said of it. */
export interface Seen {
  lifeCycle: LifeCycle;
  streamStatus: string | undefined;
  /** `ready` → `live` is refused with the monitor stream; it takes `testing` in between then. */
  monitorStream: boolean;
  /** For how long it has been in this state of its life. */
  forMs: number;
}

/** What is wanted of it. */
export interface Wish {
  /** The job's stream runs, so the broadcast is to be on air. */
  onAir: boolean;
  /** The job is over or is to end. */
  over: boolean;
  /** One that was announced for a time stays there when the job that was to fill it ends before. */
  keepUnused: boolean;
}

export type Transition = "testing" | "live" | "complete";

/** How a broadcast ended. */
export type Outcome = "completed" | "deleted" | "released" | "ended-at-youtube";

export type Step =
  | { do: "find-stream" | "make-stream" | "find-broadcast" | "make-broadcast" | "bind" | "hand-over" }
  /** Ask YouTube how it stands. */
  | { do: "look" }
  | { do: "transition"; to: Transition }
  | { do: "note-live" | "send-texts" | "delete-broadcast" | "delete-stream" }
  | { do: "finish"; outcome: Outcome }
  /** Nothing, until something changes. */
  | { do: "wait" };

/** `testStarting` and `liveStarting` last seconds; after this they are stuck. */
export const STUCK_MS = 90_000;

/**
 * The life of a broadcast as one decision: what to do next, from what is on disk, what YouTube last said, and what is wanted.
 * Pure. Every step is safe to repeat, since a crash may come between a call and its being noted: an insert is looked for
 * before it is made again, and a transition is only asked for from the state that YouTube was seen in.
 *
 * To go on air: `ready` → `live` where the monitor stream is off, as we make it; through `testing` where somebody has turned
 * it on; and only while YouTube sees the stream as active. To end: what was on air is completed, what never was is deleted.
 */
export function nextStep(begun: Begun, seen: Seen | undefined, wish: Wish): Step {
  if (begun.state === "ended") return { do: "wait" };
  return wish.over ? endingStep(begun, seen, wish) : startingStep(begun, seen, wish);
}

function startingStep(begun: Begun, seen: Seen | undefined, wish: Wish): Step {
  if (begun.streamId === null) return { do: begun.unsure === "stream" ? "find-stream" : "make-stream" };
  if (begun.broadcastId === null) return { do: begun.unsure === "broadcast" ? "find-broadcast" : "make-broadcast" };
  if (!begun.bound) return { do: "bind" };
  if (begun.state === "preparing") return { do: "hand-over" };
  if (wish.onAir) {
    const step = liveStep(begun, seen);
    if (step.do !== "wait") return step;
  }
  return { do: begun.textsDiffer ? "send-texts" : "wait" };
}

function liveStep({ state }: Begun, seen: Seen | undefined): Step {
  if (seen === undefined) return { do: "look" };
  switch (seen.lifeCycle) {
    case "live":
      return { do: state === "live" ? "wait" : "note-live" };
    case "created":
    case "ready":
      if (seen.streamStatus !== "active") return { do: "look" };
      return { do: "transition", to: seen.monitorStream ? "testing" : "live" };
    case "testing":
      return { do: "transition", to: "live" };
    case "testStarting":
    case "liveStarting":
      return { do: "look" };
    case "complete":
    case "revoked":
      return { do: "finish", outcome: "ended-at-youtube" };
  }
}

function endingStep(begun: Begun, seen: Seen | undefined, wish: Wish): Step {
  if (begun.broadcastId === null) {
    // It may be there all the same; then it has to go.
    if (begun.unsure === "broadcast") return { do: "find-broadcast" };
    if (begun.streamId === null && begun.unsure === "stream") return { do: "find-stream" };
    return streamless(begun, "deleted");
  }
  if (seen === undefined) return { do: "look" };
  switch (seen.lifeCycle) {
    case "live":
    case "testing":
      return { do: "transition", to: "complete" };
    case "testStarting":
    case "liveStarting":
      // It is neither to be completed nor to be deleted on its way; one that is stuck can only be deleted.
      return { do: seen.forMs > STUCK_MS ? "delete-broadcast" : "look" };
    case "created":
    case "ready":
      return wish.keepUnused ? { do: "finish", outcome: "released" } : { do: "delete-broadcast" };
    case "complete":
    case "revoked":
      return streamless(begun, "completed");
  }
}

/** A stream that was made for this broadcast alone goes with it, or they would pile up in the channel. */
const streamless = ({ streamId, ownsStream }: Begun, outcome: Outcome): Step =>
  streamId !== null && ownsStream ? { do: "delete-stream" } : { do: "finish", outcome };
