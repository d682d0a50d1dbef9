import type {
  ErrorInfo,
  JobRecord,
  OrchestrateReply,
  Progress,
  RenderEstimate,
  RenderStatus,
  RenderStatusBody,
} from "@stream-control/protocol";
import { NOT_RESTARTED } from "../jobs/restart-policy.js";
import type { WorkflowRun } from "../workflows/run.js";
import { workflowId } from "../workflows/views.js";
import type { Analysis } from "./workflow/choose.js";
import { CARRIED } from "./workflow/templates.js";

/** A render: the run of its workflow, and the job that carries its heavy steps, where there is one yet. */
export interface Render {
  /** The client's own id of it. */
  id: string;
  run: WorkflowRun;
  job: JobRecord | undefined;
  /** How far its parts are all together, where it is made in parts at this moment. */
  parts: Progress | undefined;
  /** Where its file is served; undefined where it is not there. */
  resultUrl: string | undefined;
  /** It was deleted for its age. */
  hasExpired: boolean;
  /** When it should be done, as thought before it began. */
  expectedAt: string | undefined;
  now: Date;
}

/** Where a render stands, in the words of renders. */
export function renderStatusOf(run: WorkflowRun): RenderStatus {
  const { outcome, wanted, steps } = run.state;
  if (outcome !== null) return outcome;
  if (wanted === "cancel") return "processing";
  const waits = new Set(run.definition.steps.filter((step) => step.waits === true).map(({ name }) => name));
  const isWorking = run.definition.steps.some(
    ({ name, group }) => group !== undefined && !waits.has(name) && steps[name]?.status !== "waiting",
  );
  return isWorking ? "processing" : "queued";
}

/** The step that is being done, by its name in the workflow; `video_processing` for `process`. */
export function currentStepOf({ definition, state }: WorkflowRun): string {
  if (state.outcome !== null) return "done";
  const is = (...statuses: string[]) =>
    definition.steps.find(({ name }) => statuses.includes(state.steps[name]?.status ?? ""))?.name;
  const name = is("running", "backoff") ?? is("waiting") ?? "done";
  return name === "process" ? "video_processing" : name;
}

const STEP_MESSAGES: Record<string, string> = {
  queue: "Waiting for an agent.",
  allocate: "Waiting for an agent.",
  download: "Fetching the sources.",
  analyze: "Looking into the sources.",
  video_processing: "Processing video elements.",
  qa: "Looking into the finished file.",
  upload: "Putting the file into its place.",
  done: "Done.",
};

/** Whether the same request can succeed later: not where its config or its sources are wrong. */
export function isRetryable({ code, detail }: ErrorInfo): boolean {
  if (typeof detail?.retryable === "boolean") return detail.retryable;
  return !NOT_RESTARTED.has(code) && !NOT_REPEATED.has(code) && detail?.fault !== "config";
}

/** The same work would take as long again. */
const NOT_REPEATED: ReadonlySet<string> = new Set(["WORKFLOW_TIMEOUT", "STEP_TIMEOUT"]);

/** What really failed, where a job gave up after several tries. */
export function causeOf(error: ErrorInfo): ErrorInfo {
  const last = error.detail?.lastError;
  return typeof last === "object" && last !== null && "code" in last && "message" in last ? (last as ErrorInfo) : error;
}

/** The status of a render as its clients read it. */
export function renderStatus(render: Render): RenderStatusBody {
  const { id, run, job } = render;
  const status = renderStatusOf(run);
  const step = currentStepOf(run);
  const { error } = run.state;
  const completion = completionOf(render, status);
  const metadata = job?.metadata ?? null;
  return {
    job_id: id,
    status,
    progress: `${percentOf(render, status)}%`,
    current_step: step,
    message: messageOf(render, status, step),
    workflow_id: workflowId(run),
    ...(completion === undefined ? {} : { estimated_completion: completion }),
    ...(status === "completed" ? resultOf(render) : {}),
    ...(status === "failed" && error !== null ? { error: shown(error), retryable: isRetryable(error) } : {}),
    ...(metadata === null ? {} : { metadata }),
  };
}

/** The answer to whoever asked for a render that has not failed. */
export function orchestrateReply(render: Render): OrchestrateReply {
  const { id, run, job } = render;
  const status = renderStatusOf(run);
  const ids = { jobId: id, orchestrationId: `orch_${run.id}`, workflow_id: workflowId(run) };
  const allocation = job === undefined ? {} : { resource_allocation_id: allocationOf(job) };
  if (status === "completed")
    return {
      ...{ ...ids, status: "immediate", ...allocation, ...resultOf(render) },
      message: completedMessage(render),
    };
  const completion = completionOf(render, status);
  const estimate = estimateOf(run);
  return {
    ...{ ...ids, status: "queued", ...allocation, message: "Job queued for processing" },
    ...(completion === undefined ? {} : { estimated_completion: completion }),
    ...(estimate === undefined ? {} : { estimate }),
    status_check_endpoint: `/api/v1/jobs/${encodeURIComponent(id)}/status`,
  };
}

/** What the job holds of an agent, or will hold with its next assignment. */
const allocationOf = ({ id, epoch, agentId }: JobRecord): string => `res_${id}_${agentId === null ? epoch + 1 : epoch}`;

/** How long a render was expected to take when it was begun. */
export function estimateOf({ outputs }: Pick<WorkflowRun, "outputs">): RenderEstimate | undefined {
  const { estimate } = (outputs.validate ?? {}) as Partial<Analysis>;
  return estimate ?? undefined;
}

const shown = ({ code, message, detail }: ErrorInfo) => ({
  ...{ code, message },
  ...(detail?.issues === undefined ? {} : { details: detail.issues }),
});

function percentOf(render: Render, status: RenderStatus): number {
  if (status === "completed") return 100;
  // What is joined had all of its frames before.
  if (render.run.state.steps.merge?.status === "running") return 99;
  const progress = progressOf(render);
  const total = progress?.render?.totalFrames;
  // All frames are there a moment before the file is.
  return total === undefined ? 0 : Math.min(99, Math.floor((100 * (progress?.frame ?? 0)) / total));
}

function messageOf(render: Render, status: RenderStatus, step: string): string {
  const { run, job } = render;
  if (status === "completed") return completedMessage(render);
  if (status === "failed") return run.state.error?.message ?? "The render failed.";
  if (status === "cancelled") return "The render was cancelled.";
  if (run.state.wanted === "cancel") return "The render is being cancelled.";
  const waits = status === "queued" && job?.pendingReason != null ? job.pendingReason : undefined;
  const words = waits ?? STEP_MESSAGES[step] ?? `At the step "${step}".`;
  return run.state.wanted === "pause" ? `Paused: no further step is begun. ${words}` : words;
}

function completedMessage({ job, resultUrl, hasExpired }: Render): string {
  if (resultUrl !== undefined) return "Job completed successfully";
  return hasExpired ? EXPIRED : notServed(job);
}

const EXPIRED =
  "The render was completed, and its file is gone: it was older than results are kept here. Ask for it again under a new id.";

const notServed = (job: JobRecord | undefined): string => {
  const { file = "", store } = job?.progress?.render ?? {};
  const agent = job?.agentId ?? "that made it";
  return store === "s3"
    ? `The render is done, and its file ${file} is not in S3_BUCKET: it was deleted, or the agent ${agent} has another bucket.`
    : `The render is done, and its file ${file} is not in MEDIA_DIR: it was deleted, or the agent ${agent} writes to a folder ` +
        "that is not shared.";
};

/** What is told of a finished file. */
export function resultOf({ run, job, resultUrl }: Render) {
  const given: { elapsedMs?: number; bytes?: number; sha256?: string } = run.outputs[CARRIED] ?? {};
  const { elapsedMs, bytes, sha256 } = { ...job?.progress?.render, ...given };
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

const progressOf = ({ job, parts }: Render): Progress | null => parts ?? job?.progress ?? null;

/** By the pace so far; before there is one, as it was estimated. */
function completionOf(of: Render, status: RenderStatus): string | undefined {
  if (status !== "queued" && status !== "processing") return undefined;
  const { now, expectedAt } = of;
  const { frame = 0, fps = 0, render } = progressOf(of) ?? {};
  if (render?.step === "rendering" && render.totalFrames !== undefined && frame >= 1 && fps > 0)
    return new Date(now.getTime() + ((render.totalFrames - frame) / fps) * 1000).toISOString();
  return expectedAt !== undefined && Date.parse(expectedAt) > now.getTime() ? expectedAt : undefined;
}
