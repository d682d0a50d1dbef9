import { isFinalStatus, type Progress, type RenderJobConfig } from "@stream-control/protocol";
import type { JobReader } from "../jobs/job-reader.js";
import { configOf, fromJson } from "../jobs/job-record.js";
import type { Ledger } from "../jobs/ledger.js";
import { isRenderConfig } from "../scheduling/requirement.js";
import type { JobRow } from "../store/tables.js";
import { type Estimate, pixelsOf } from "./workflow/choose.js";

/** Jobs that are looked at when a room is asked for the first time. */
const LOOKED_AT = 200;
const KEPT = 100;
/** Fewer say nothing. */
const LEAST = 5;

/** How quickly renders went lately, in pixels a millisecond, by rooms. */
export class RenderHistory {
  private readonly rooms = new Map<string, Promise<number[]>>();

  constructor(
    private readonly reader: JobReader,
    ledger: Ledger,
  ) {
    ledger.onCommit(({ job }) => {
      const known = this.rooms.get(job.room);
      if (known === undefined || !isFinalStatus(job.status)) return;
      const pace = paceOf(job);
      if (pace !== undefined) void known.then((paces) => keep(paces, pace));
    });
  }

  /**
   * How long a render of that size would take: the median pace of those that were completed last in a room.
   *
   * @param pixels of all frames together.
   * @returns null where there are too few to tell.
   */
  async estimate(room: string, pixels: number): Promise<Estimate | null> {
    const paces = await this.pacesIn(room);
    if (paces.length < LEAST) return null;
    const median = [...paces].sort((a, b) => a - b)[Math.floor(paces.length / 2)] ?? 1;
    return { processing_ms: Math.round(pixels / median), based_on: paces.length };
  }

  private pacesIn(room: string): Promise<number[]> {
    const known = this.rooms.get(room);
    if (known !== undefined) return known;
    const paces = this.reader
      .recentlyEnded([room], LOOKED_AT)
      .then((jobs) => jobs.flatMap((job) => paceOf(job) ?? []).slice(-KEPT));
    this.rooms.set(room, paces);
    paces.catch(() => this.rooms.delete(room));
    return paces;
  }
}

function keep(paces: number[], pace: number): void {
  paces.push(pace);
  if (paces.length > KEPT) paces.shift();
}

/** Of a whole render that was completed. */
function paceOf(job: JobRow): number | undefined {
  const config = configOf(job);
  const { render } = fromJson<Progress>(job.progress) ?? {};
  if (!isRenderConfig(config) || config.task !== undefined || render?.step !== "done") return undefined;
  const { totalFrames = 0, elapsedMs = 0, reusedFrames = 0 } = render;
  // What was not encoded says nothing about what encoding takes.
  if (reusedFrames > 0) return undefined;
  const { request } = config as unknown as RenderJobConfig;
  return totalFrames > 0 && elapsedMs > 0 ? pixelsOf(request, totalFrames) / elapsedMs : undefined;
}
