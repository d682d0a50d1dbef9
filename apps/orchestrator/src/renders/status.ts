import {
  type ErrorInfo,
  isFinalStatus,
  type JobRecord,
  type OrchestrateReply,
  type RenderStatus,
  type RenderStatusBody,
} from "@stream-control/protocol";
import { NOT_RESTARTED } from "../jobs/restart-policy.js";

/** What is known of a render beside its job. */
export interface RenderFacts {
  /** The client's own id of it. */
  id: string;
  /** Where its file is served; undefined where it is not there. */
  resultUrl: string | undefined;
  /** It was deleted for its age. */
  hasExpired: boolean;
  now: Date;
}

/** Where the job of a render stands, in the words of renders. */
export function renderStatusOf({ status, progress }: Pick<JobRecord, "status" | "progress">): RenderStatus {
  if (status === "FAILED") return "failed";
  // Whatever else ended it, the file is there.
  if (isFinalStatus(status)) return progress?.render?.step === "done" ? "completed" : "cancelled";
  return status === "CREATED" || status === "PENDING" || status === "ASSIGNED" ? "queued" : "processing";
}

const STEP_MESSAGES = {
  queued: "Waiting for an agent.",
  downloading: "Fetching the sources.",
  probing: "Looking into the sources.",
  rendering: "Rendering.",
  publishing: "Putting the file into its place.",
  done: "Done.",
} as const;

/** Whether the same request can succeed later: not where its config or its sources are wrong. */
export function isRetryable({ code, detail }: ErrorInfo): boolean {
  if (typeof detail?.retryable === "boolean") return detail.retryable;
  return !NOT_RESTARTED.has(code) && detail?.fault !== "config";
}

/** What really failed, where a job gave up after several tries. */
export function causeOf(error: ErrorInfo): ErrorInfo {
  const last = error.detail?.lastError;
  return typeof last === "object" && last !== null && "code" in last && "message" in last ? (last as ErrorInfo) : error;
}

/** The status of a render as its clients read it. */
export function renderStatus(job: JobRecord, { id, resultUrl, hasExpired, now }: RenderFacts): RenderStatusBody {
  const status = renderStatusOf(job);
  const { progress, metadata } = job;
  const step = status === "queued" ? "queued" : (progress?.render?.step ?? "downloading");
  const error = status === "failed" && job.error !== null ? causeOf(job.error) : undefined;
  const completion = status === "processing" ? estimatedCompletion(job, now) : undefined;
  return {
    job_id: id,
    status,
    progress: `${percentOf(job, status)}%`,
    current_step: step,
    message: messageOf(job, status, step, { resultUrl, hasExpired }),
    ...(completion === undefined ? {} : { estimated_completion: completion }),
    ...(status === "completed" ? resultOf(job, resultUrl) : {}),
    ...(error === undefined ? {} : { error: shown(error), retryable: isRetryable(error) }),
    ...(metadata === null ? {} : { metadata }),
  };
}

/** The answer to whoever asked for a render that has not failed. */
export function orchestrateReply(job: JobRecord, facts: RenderFacts): OrchestrateReply {
  const { id, resultUrl, now } = facts;
  const ids = { jobId: id, orchestrationId: `orch_${job.id}`, workflow_id: `wf_${job.id}` };
  const allocation = job.agentId === null ? {} : { resource_allocation_id: `res_${job.id}_${job.epoch}` };
  if (renderStatusOf(job) === "completed")
    return {
      ...{ ...ids, status: "immediate", ...allocation, ...resultOf(job, resultUrl) },
      message: completedMessage(job, facts),
    };
  const completion = estimatedCompletion(job, now);
  return {
    ...{ ...ids, status: "queued", ...allocation, message: "Job queued for processing" },
    ...(completion === undefined ? {} : { estimated_completion: completion }),
    status_check_endpoint: `/api/v1/jobs/${encodeURIComponent(id)}/status`,
  };
}

const shown = ({ code, message, detail }: ErrorInfo) => ({
  ...{ code, message },
  ...(detail?.issues === undefined ? {} : { details: detail.issues }),
});

function percentOf({ progress }: JobRecord, status: RenderStatus): number {
  if (status === "completed") return 100;
  const total = progress?.render?.totalFrames;
  // All frames are there a moment before the file is.
  return total === undefined ? 0 : Math.min(99, Math.floor((100 * (progress?.frame ?? 0)) / total));
}

function messageOf(
  job: JobRecord,
  status: RenderStatus,
  step: RenderStatusBody["current_step"],
  facts: Pick<RenderFacts, "resultUrl" | "hasExpired">,
): string {
  if (status === "completed") return completedMessage(job, facts);
  if (status === "failed") return job.error?.message ?? "The render failed.";
  if (status === "cancelled") return "The render was cancelled.";
  return status === "queued" ? (job.pendingReason ?? STEP_MESSAGES.queued) : STEP_MESSAGES[step];
}

function completedMessage(
  job: JobRecord,
  { resultUrl, hasExpired }: Pick<RenderFacts, "resultUrl" | "hasExpired">,
): string {
  if (resultUrl !== undefined) return "Job completed successfully";
  return hasExpired ? EXPIRED : notServed(job);
}

const EXPIRED =
  "The render was completed, and its file is gone: it was older than results are kept here. Ask for it again under a new id.";

const notServed = ({ progress, agentId }: JobRecord): string =>
  progress?.render?.store === "s3"
    ? `The render is done, and its file ${progress.render.file ?? ""} is not in S3_BUCKET: it was deleted, or the agent ` +
      `${agentId ?? "that made it"} has another bucket.`
    : `The render is done, and its file ${progress?.render?.file ?? ""} is not in MEDIA_DIR: it was deleted, or the agent ` +
      `${agentId ?? "that made it"} writes to a folder that is not shared.`;

function resultOf({ progress }: JobRecord, resultUrl: string | undefined) {
  const { elapsedMs, bytes, sha256 } = progress?.render ?? {};
  return {
    ...(resultUrl === undefined ? {} : { result_url: resultUrl }),
    ...(elapsedMs === undefined ? {} : { processing_time: `${Math.round(elapsedMs)}ms` }),
    ...(bytes === undefined ? {} : { file_size: sizeOf(bytes), file_size_bytes: bytes }),
    ...(sha256 === undefined ? {} : { file_sha256: sha256 }),
  };
}

function sizeOf(bytes: number): string {
  if (bytes < 1000) return `${bytes}B`;
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)}KB` : `${(bytes / 1_000_000).toFixed(1)}MB`;
}

/** By the pace so far. */
function estimatedCompletion({ progress }: JobRecord, now: Date): string | undefined {
  const { frame = 0, fps = 0, render } = progress ?? {};
  if (render?.step !== "rendering" || render.totalFrames === undefined || frame < 1 || fps <= 0) return undefined;
  return new Date(now.getTime() + ((render.totalFrames - frame) / fps) * 1000).toISOString();
}
