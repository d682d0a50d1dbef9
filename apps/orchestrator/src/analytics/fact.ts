import type { ErrorInfo, JobSchedule, JsonObject } from "@stream-control/protocol";
import { configOf, fromJson } from "../jobs/job-record.js";
import { isRenderConfig } from "../scheduling/requirement.js";
import type { JobFactTable, JobRow } from "../store/tables.js";

/** Cores that a job used in the mean, and those that were reserved for it. */
export interface Usage {
  cpuUsed: number;
  cpuReserved: number;
}

/** What is kept of a job that has ended. */
export function factOf(job: JobRow, usage: Usage | undefined): JobFactTable {
  const endedAt = job.ended_at ?? job.updated_at;
  const endedMs = Date.parse(endedAt);
  const wantedMs = wantedFrom(job);
  const startedMs = job.started_at === null ? undefined : Date.parse(job.started_at);
  const error = fromJson<ErrorInfo>(job.error);
  return {
    ...{ job_id: job.id, job_seq: job.seq, room: job.room, kind: kindOf(configOf(job)) },
    ...{ template: job.template_id, agent_id: job.agent_id, created_at: job.created_at, ended_at: endedAt },
    wait_ms: Math.max(0, (startedMs ?? endedMs) - wantedMs),
    processing_ms: startedMs === undefined ? null : Math.max(0, endedMs - startedMs),
    outcome: job.status === "FAILED" ? "failed" : job.status === "CANCELED" ? "cancelled" : "completed",
    error_code: error?.code ?? null,
    ...{ cpu_used: usage?.cpuUsed ?? null, cpu_reserved: usage?.cpuReserved ?? null },
  };
}

/** A job with a start of its own waits from then on. */
function wantedFrom({ created_at: createdAt, schedule }: JobRow): number {
  const startAt = fromJson<JobSchedule>(schedule)?.startAt;
  return Math.max(Date.parse(createdAt), startAt == null ? 0 : Date.parse(startAt));
}

/**
 * What a job is counted as. A render that several agents share is several jobs: the one that puts the parts together counts as the
 * render, the others as its parts.
 */
export function kindOf(config: JsonObject): "render" | "render_part" | "stream" {
  if (!isRenderConfig(config)) return "stream";
  const { task } = config;
  const type = typeof task === "object" && task !== null && "type" in task ? task.type : undefined;
  return type === undefined || type === "merge" ? "render" : "render_part";
}
