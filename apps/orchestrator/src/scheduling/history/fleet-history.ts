import { isActiveStatus, isFinalStatus, type Progress } from "@stream-control/protocol";
import type { JobReader } from "../../jobs/job-reader.js";
import { configOf, fromJson } from "../../jobs/job-record.js";
import type { Committed } from "../../jobs/ledger.js";
import type { JobRow } from "../../store/tables.js";
import { pixelsOf, renderFeatures } from "../model/render-features.js";
import { RenderTimeModel } from "../model/render-time-model.js";
import { isRenderConfig } from "../requirement.js";
import { AgentPerformance } from "./agent-performance.js";

/** What is read of the store at a start, the newest first. */
const RENDERS = 1000;
const STREAMS = 300;
/** Faults that are the agent's, and not the source's or the customer's. */
const ITS_FAULTS: ReadonlySet<unknown> = new Set(["agent", "encoder"]);

/**
 * What the fleet has done, for the strategies that learn from it. Nothing of it is stored: it is made from the jobs and the event log
 * at each start, and goes on with every job that ends.
 */
export class FleetHistory {
  readonly performance = new AgentPerformance();
  readonly model = new RenderTimeModel();
  /** Jobs that its agent had beside a job, when that was given to it. */
  private readonly beside = new Map<string, number>();

  /** Reads what ended before, and what is under way. */
  async load(reader: JobReader, open: readonly JobRow[]): Promise<void> {
    const renders = await reader.recentlyRendered(RENDERS);
    const streams = await reader.recentlyStreamed(STREAMS);
    const active = open.filter(({ status }) => isActiveStatus(status));
    const given = await reader.lastOfType(
      "job.assigned",
      [...renders, ...active].map(({ id }) => id),
    );
    for (const { jobId, data } of given) this.given(jobId, data);
    for (const job of renders) this.learnRender(job);
    for (const job of streams) this.learnStream(job);
  }

  /** Learns from a change. */
  follow({ job, before, event }: Committed): void {
    if (event.type === "job.assigned") this.given(job.id, event.data);
    if (before?.agent_id == null || !isActiveStatus(before.status)) return;
    const failed = event.data !== undefined && "fault" in event.data;
    if (failed || job.status === "STOPPED") this.performance.ended(before.agent_id, ITS_FAULTS.has(event.data?.fault));
    if (!isFinalStatus(job.status)) return;
    this.learnRender(job);
    this.learnStream(job);
    this.beside.delete(job.id);
  }

  private given(jobId: string, data: Record<string, unknown> | undefined): void {
    if (typeof data?.beside === "number") this.beside.set(jobId, data.beside);
  }

  private learnRender(job: JobRow): void {
    const { step, totalFrames = 0, elapsedMs = 0, reusedFrames = 0 } = fromJson<Progress>(job.progress)?.render ?? {};
    // What was not encoded says nothing about what encoding takes.
    if (reusedFrames > 0) return;
    if (step !== "done" || job.agent_id === null || totalFrames < 1 || elapsedMs <= 0) return;
    const config = configOf(job);
    if (!isRenderConfig(config)) return;
    const features = renderFeatures(config, totalFrames);
    if (features === undefined) return;
    this.performance.rendered(job.agent_id, pixelsOf(features), elapsedMs);
    this.model.learn({ features, agentId: job.agent_id, ms: elapsedMs, beside: this.beside.get(job.id) ?? 0 });
    this.beside.delete(job.id);
  }

  private learnStream(job: Pick<JobRow, "agent_id" | "progress" | "running_since">): void {
    const { progress, agent_id: agentId, running_since: since } = job;
    const { speed, render } = fromJson<Progress>(progress) ?? {};
    if (speed !== undefined && render === undefined && agentId !== null && since !== null)
      this.performance.streamed(agentId, speed);
  }
}
