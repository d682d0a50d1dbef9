import type { PublisherSession } from "@stream-control/test-kit";

/** A time in which a stream should have been up and nothing of it arrived. */
export interface Interruption {
  streamPath: string;
  ms: number;
  /** When it began, in Unix milliseconds. */
  from: number;
}

/** A stream, and until when it should have been up (Unix milliseconds). */
export interface Expected {
  streamPath: string;
  until: number;
}

/**
 * The longest time without media of any stream, from its first media on. Interruptions of less than 300 ms are not seen.
 *
 * @returns undefined where there was none.
 */
export function longestInterruption(
  expected: readonly Expected[],
  sessions: readonly PublisherSession[],
): Interruption | undefined {
  const all = expected.flatMap(({ streamPath, until }) => {
    const spans = sessions
      .filter((session) => session.streamPath === streamPath)
      .flatMap((session) => session.spans)
      .filter(({ from }) => from < until)
      .sort((a, b) => a.from - b.from);
    let upTo = spans[0]?.from ?? until;
    const gaps: Interruption[] = [];
    for (const { from, to } of [...spans, { from: until, to: until }]) {
      if (from > upTo) gaps.push({ streamPath, ms: from - upTo, from: upTo });
      upTo = Math.max(upTo, to);
    }
    return gaps;
  });
  return all.sort((a, b) => b.ms - a.ms)[0];
}
