import type { DryRunReply, Progress, RenderJobConfig } from "@stream-control/protocol";
import type { JobReader } from "../jobs/job-reader.js";
import { configOf, fromJson } from "../jobs/job-record.js";
import { isRenderConfig } from "../scheduling/requirement.js";
import { renderStatusOf } from "./status.js";

const LOOKED_AT = 200;
/** Fewer say nothing. */
const LEAST = 5;

/** What renders that ended lately took. */
export class RenderHistory {
  constructor(private readonly reader: JobReader) {}

  /**
   * How long a render of that size would take: the median pace of those that were completed last in a room.
   *
   * @param pixels of all frames together.
   * @returns null where there are too few to tell.
   */
  async estimate(room: string, pixels: number): Promise<DryRunReply["estimate"]> {
    const ended = await this.reader.recentlyEnded([room], LOOKED_AT);
    const paces = ended.flatMap((job) => {
      const config = configOf(job);
      const progress = fromJson<Progress>(job.progress);
      if (!isRenderConfig(config) || renderStatusOf({ status: job.status, progress }) !== "completed") return [];
      const { width, height } = (config as unknown as RenderJobConfig).request;
      const { totalFrames = 0, elapsedMs = 0 } = progress?.render ?? {};
      return totalFrames > 0 && elapsedMs > 0 ? [(width * height * totalFrames) / elapsedMs] : [];
    });
    if (paces.length < LEAST) return null;
    const median = paces.sort((a, b) => a - b)[Math.floor(paces.length / 2)] ?? 1;
    return { processing_ms: Math.round(pixels / median), based_on: paces.length };
  }
}
