import type { Source } from "@stream-control/protocol";

/** What has to be known of a source to build a program for it. */
export interface MediaFacts {
  hasVideo: boolean;
  hasAudio: boolean;
  /** Absent where there is no end. */
  durationSeconds?: number;
  /** Nobody looked: the source can't be opened beforehand, so video is demanded and audio taken if there. */
  assumed?: boolean;
}

/**
 * The facts of a source that are known, or have to be assumed, without looking at it.
 *
 * @returns undefined where looking is possible and needed ({@link MediaFacts} then come from `probeSource`).
 */
export function factsWithoutProbing(source: Source): MediaFacts | undefined {
  switch (source.type) {
    case "test":
      return { hasVideo: true, hasAudio: true };
    case "device":
      return {
        hasVideo: source.video !== undefined,
        // DeckLink cards give picture and sound through one input.
        hasAudio: source.audio !== undefined || source.video?.format === "decklink",
      };
    case "rtmp":
    case "srt":
      return source.listen ? { hasVideo: true, hasAudio: true, assumed: true } : undefined;
    default:
      return undefined;
  }
}
