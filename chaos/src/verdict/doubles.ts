import type { PublisherSession } from "@stream-control/test-kit";
import type { LightRun } from "../fleet/journal.js";
import type { Finding } from "./finding.js";

/**
 * How long a publisher may go on after another one has asked for its stream, in milliseconds. What lay in pipes and
 * sockets when its end came still arrives, and a frozen process that wakes up needs a moment to see that its time is over.
 */
const LAST_BYTES_MS = 1000;

/** Two stand-ins, or two runs at one, that pushed a job's stream at the same time. */
export function checkLightRuns(runs: readonly LightRun[], now: number): Finding[] {
  return [...Map.groupBy(runs, ({ jobId }) => jobId)].flatMap(([jobId, ofJob]) => {
    const sorted = [...ofJob].sort((a, b) => a.from - b.from);
    return sorted.slice(1).flatMap((run, index): Finding[] => {
      const before = sorted[index];
      if (before === undefined || (before.to ?? now) <= run.from) return [];
      const what = `Attempt ${run.epoch} at ${run.agentId} began ${(before.to ?? now) - run.from} ms before attempt ${before.epoch} at ${before.agentId} ended.`;
      return [{ kind: "doubled", about: jobId, what }];
    });
  });
}

/** Two connections that sent media for one stream at the same time; the server lets only one in, but hears both. */
export function checkPublishers(sessions: readonly PublisherSession[]): Finding[] {
  return [...Map.groupBy(sessions, ({ streamPath }) => streamPath)].flatMap(([path, ofPath]) => {
    const sorted = [...ofPath].sort((a, b) => a.since - b.since);
    return sorted.flatMap((later, index) =>
      sorted.slice(0, index).flatMap((earlier): Finding[] => {
        const goneOnMs = mediaAfter(earlier, later.since);
        if (goneOnMs <= LAST_BYTES_MS) return [];
        const what = `A second publisher came ${Math.round(goneOnMs)} ms of media before the first one ended.`;
        return [{ kind: "doubled", about: path, what }];
      }),
    );
  });
}

/** Milliseconds of media that arrived on the connection after that moment. */
function mediaAfter({ spans }: PublisherSession, moment: number): number {
  return spans.reduce((sum, { from, to }) => sum + Math.max(0, to - Math.max(from, moment)), 0);
}
