import type { JobRecord } from "@stream-control/protocol";
import { healthOf } from "../streams/health.js";
import { hasEnded, isRender, teamsOf, titleOf } from "../streams/status.js";

/** How long a stream that failed stays on the board by itself. */
const SHOWN_AFTER_FAILURE_MS = 24 * 60 * 60 * 1000;
/** Failed streams that are shown at most. */
const FAILED_SHOWN = 50;

export interface BoardFilter {
  /** Words that must all occur in what a stream is called. */
  words: string;
  /** Only what is not all right. */
  problemsOnly: boolean;
}

export interface Board {
  /** Open streams by what they are called, so that each keeps its place whatever happens. */
  open: readonly string[];
  /** Streams that failed lately, the newest first, until they are dismissed. */
  failed: readonly string[];
  /** Renders that are under way, the oldest first. */
  renders: readonly string[];
}

const names = new Intl.Collator(undefined, { numeric: true });

function matches(job: JobRecord, { words, problemsOnly }: BoardFilter): boolean {
  if (problemsOnly && ["good", "idle"].includes(healthOf(job).tone)) return false;
  const text = [titleOf(job), teamsOf(job), job.agentId, job.room].join(" ").toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

const byName = (a: JobRecord, b: JobRecord): number =>
  names.compare(titleOf(a), titleOf(b)) || (a.createdAt < b.createdAt ? -1 : 1);

/** Which streams are on the board, and in which order. */
export function sortStreams(jobs: Iterable<JobRecord>, filter: BoardFilter, nowMs: number): Board {
  const open: JobRecord[] = [];
  const failed: JobRecord[] = [];
  const renders: JobRecord[] = [];
  for (const job of jobs) {
    if (!matches(job, filter)) continue;
    if (isRender(job)) {
      if (!hasEnded(job)) renders.push(job);
      continue;
    }
    if (!hasEnded(job)) open.push(job);
    else if (
      job.status === "FAILED" &&
      job.dismissedAt === null &&
      nowMs - Date.parse(job.endedAt ?? job.updatedAt) < SHOWN_AFTER_FAILURE_MS
    )
      failed.push(job);
  }
  failed.sort((a, b) => Date.parse(b.endedAt ?? b.updatedAt) - Date.parse(a.endedAt ?? a.updatedAt));
  renders.sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
  const ids = (list: readonly JobRecord[]) => list.map(({ id }) => id);
  return { open: ids(open.sort(byName)), failed: ids(failed.slice(0, FAILED_SHOWN)), renders: ids(renders) };
}
