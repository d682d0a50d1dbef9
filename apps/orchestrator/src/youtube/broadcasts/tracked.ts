import type { YouTubeError } from "../api/errors.js";
import type { LifeCycle } from "../api/resources.js";
import type { Sighting } from "../live/sightings.js";
import type { Purpose } from "../quota/allowance.js";
import type { Broadcast } from "./broadcast.js";
import type { JobFacts } from "./job-side.js";
import type { Begun, Seen, Step, Wish } from "./next-step.js";
import { sameTexts, textsFor } from "./texts.js";

/** A broadcast under way, with what is known of it beside its row. */
export interface Tracked {
  broadcast: Broadcast;
  job: JobFacts | undefined;
  /** What YouTube last said, where that still counts. */
  sighting: Sighting | undefined;
  /** What YouTube said since the last turn. */
  unjudged: Sighting | undefined;
  /** Why it could not be looked at. */
  lookFailed: YouTubeError | undefined;
  lastLifeCycle: LifeCycle | undefined;
  /** Since when it has been in that state of its life, by a monotonic clock. */
  inStateSinceMs: number;
  /** Title and description are not sent before this moment, so that many edits become one. */
  editDueMs: number;
  /** Texts that YouTube did not take. */
  refusedTexts: { title: string; description: string } | undefined;
  /** It does not go live, until the stream starts anew: the moment at which that one began. */
  haltedAt: string | null | undefined;
  peakViewers: number | undefined;
  /** Changes are written one after another: two that are written at once would undo each other. */
  writing: Promise<void>;
  running: boolean;
  again: boolean;
  timer: NodeJS.Timeout | undefined;
}

export const track = (broadcast: Broadcast, job: JobFacts | undefined): Tracked => ({
  ...{ broadcast, job, sighting: undefined, lookFailed: undefined, unjudged: undefined, lastLifeCycle: undefined },
  ...{ inStateSinceMs: 0, editDueMs: 0, refusedTexts: undefined },
  ...{
    haltedAt: undefined,
    peakViewers: undefined,
    writing: Promise.resolve(),
    running: false,
    again: false,
    timer: undefined,
  },
});

/** Whether YouTube has another start time than the one that it is announced for here. */
const isMoved = ({ liveAt, sentTexts, scheduledStart }: Broadcast): boolean =>
  liveAt === null && (sentTexts?.scheduledStart ?? scheduledStart) !== scheduledStart;

export function begunOf({ broadcast, refusedTexts, editDueMs }: Tracked, nowMs: number): Begun {
  const texts = textsFor(broadcast);
  const { state, unsure, streamId, broadcastId, bound, keepsStream, sentTexts } = broadcast;
  const isNew = (!sameTexts(texts, sentTexts) && !sameTexts(texts, refusedTexts ?? null)) || isMoved(broadcast);
  const textsDiffer = isNew && nowMs >= editDueMs;
  return { state, unsure, streamId, broadcastId, bound, ownsStream: !keepsStream, textsDiffer };
}

export function seenOf({ sighting, inStateSinceMs }: Tracked, nowMs: number): Seen | undefined {
  if (sighting === undefined) return undefined;
  const { lifeCycle, streamStatus, monitorStream } = sighting;
  return { lifeCycle, streamStatus, monitorStream, forMs: nowMs - inStateSinceMs };
}

/** What a step is done for; decides what becomes of its failure, and how urgent it is. */
export function doingOf(step: Step, wish: Wish): "prepare" | "go-live" | "edit" | "end" {
  if (wish.over) return "end";
  if (step.do === "send-texts") return "edit";
  return step.do === "transition" || step.do === "note-live" || step.do === "look" ? "go-live" : "prepare";
}

export const purposeOf = (wish: Wish): Purpose => (wish.over ? "complete" : "goLive");
