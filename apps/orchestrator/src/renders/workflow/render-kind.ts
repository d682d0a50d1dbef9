import {
  type ErrorInfo,
  isFinalStatus,
  type JsonObject,
  type Progress,
  parseRenderRequest,
} from "@stream-control/protocol";
import type { EventLog } from "@stream-control/service-kit/audit";
import { SYSTEM } from "@stream-control/service-kit/http";
import type { JobControl } from "../../jobs/control.js";
import type { JobReader } from "../../jobs/job-reader.js";
import { fromJson } from "../../jobs/job-record.js";
import type { Ledger } from "../../jobs/ledger.js";
import type { JobRow } from "../../store/tables.js";
import { unitsOf } from "../../workflows/definition.js";
import type { WorkflowEngine } from "../../workflows/engine.js";
import {
  type Compensation,
  StepAborted,
  type StepContext,
  StepError,
  type StepHandler,
  type WorkflowKind,
} from "../../workflows/kind.js";
import type { StepJobs } from "../../workflows/step-jobs.js";
import type { ResultFiles } from "../files/result-files.js";
import { causeOf } from "../status.js";
import { relaxedLimits } from "./choose.js";
import { requestForAgents } from "./render-input.js";
import { CARRIED, restartLimits, TEMPLATES, type TemplateName } from "./templates.js";

/** The kind of workflows that render. */
export const RENDER_KIND = "render";

/** What the job of a render leaves behind. */
export interface RenderOutput extends JsonObject {
  jobId: string;
}

export interface RenderKindDeps {
  engine: Pick<WorkflowEngine, "command">;
  jobs: StepJobs;
  ledger: Ledger;
  reader: JobReader;
  control: JobControl;
  files: ResultFiles;
  log: EventLog;
  progressOf: (jobId: string) => Progress | null;
  /** What else there is to do, such as to tell the client. */
  handlers?: Record<string, StepHandler>;
  compensations?: Record<string, Compensation>;
}

/** Carries out renders: the heavy steps as one job on an agent, the others here. */
export function renderKind(deps: RenderKindDeps): WorkflowKind {
  const { jobs, reader, control, files, log } = deps;
  return {
    handlers: {
      validate: async ({ input }) => {
        const parsed = parseRenderRequest((await input()).request);
        if (!parsed.ok)
          throw new StepError(
            { code: "CONFIG_INVALID", message: "The request is wrong.", detail: { issues: parsed.issues } },
            false,
          );
        return undefined;
      },
      // In the event log, with the step's end: so it is there once.
      create_record: async ({ run, output }) => ({
        alongside: async (tx) => {
          const data = { template: run.definition.name, ...output("validate") };
          const message = "The render was taken up.";
          await log.append(tx, { by: SYSTEM, subject: `workflow:${run.id}`, type: "render.recorded", message, data });
        },
      }),
      render: (context) => renderOnAgent(context, deps),
      update: async ({ output }) => ({ output: { ...output(CARRIED) } }),
      cleanup: async ({ run }) => {
        // What an earlier generation rendered is not the result any more.
        const present = run.outputs[CARRIED]?.jobId;
        for (let generation = 1; generation < run.state.generation; generation += 1) {
          const job = await reader.byIdempotencyKey(`${run.id}:${CARRIED}:${generation}`);
          if (job !== undefined && job.id !== present && isFinalStatus(job.status)) await files.removeFolder(job.id);
        }
        return undefined;
      },
      ...deps.handlers,
    },
    compensations: {
      discard_result: async (context) => {
        const job = await jobs.find(context);
        if (job === undefined) return;
        if (!isFinalStatus(job.status)) await control.stop(job.id);
        await files.removeFolder(job.id);
      },
      ...deps.compensations,
    },
    relax: async ({ id, state }) => {
      const job = await reader.byIdempotencyKey(`${id}:${CARRIED}:${state.generation}`);
      const progress = job && (deps.progressOf(job.id) ?? fromJson<Progress>(job.progress));
      const next = relaxedLimits(wholeMs(progress ?? null), state.spentMs, state.timeoutMs);
      const retry = retryOf(next.limits);
      if (job !== undefined && retry !== undefined) await deps.ledger.limitRestarts(job.id, restartLimits(retry));
      return next;
    },
  };
}

const retryOf = (template: string) =>
  Object.hasOwn(TEMPLATES, template)
    ? unitsOf(TEMPLATES[template as TemplateName]).find(({ name }) => name === CARRIED)?.head.retry
    : undefined;

/** By the pace so far, from the first download to the last frame. */
function wholeMs(progress: Progress | null): number | undefined {
  const { frame = 0, render } = progress ?? {};
  const { totalFrames, elapsedMs } = render ?? {};
  return totalFrames === undefined || elapsedMs === undefined || frame < 1
    ? undefined
    : (elapsedMs / frame) * totalFrames;
}

async function renderOnAgent(context: StepContext, { jobs, engine }: RenderKindDeps) {
  const request = await requestForAgents(context);
  const { run, retry } = context;
  const isChecked = run.definition.steps.some(({ name }) => name === "qa");
  const job = await jobs.run(context, {
    config: { kind: "render", request, ...(isChecked ? { qa: true } : {}) },
    title: `Render ${request.id}`,
    priority: request.priority,
    placement: request.placement,
    metadata: request.metadata,
    ...(retry === undefined ? {} : { restart: restartLimits(retry) }),
    onChange: (row, progress) => enterStep(context, row, progress),
  });
  const progress = fromJson<Progress>(job.progress);
  if (progress?.render?.step === "done" && isFinalStatus(job.status) && job.status !== "FAILED") {
    const { step: _step, ...made } = progress.render;
    return { output: { jobId: job.id, ...made } };
  }
  if (context.signal.aborted) throw context.signal.reason;
  const error = job.status === "FAILED" ? fromJson<ErrorInfo>(job.error) : null;
  // The job has been tried as often as the template says.
  if (error !== null) {
    const { code, message, detail } = causeOf(error);
    throw new StepError({ code, message, ...(detail === undefined ? {} : { detail }) }, false);
  }
  // Somebody stopped the job: they want no render.
  await engine.command(run.id, "cancel");
  throw new StepAborted("stop");
}

const STEPS_OF_RUNNER = {
  downloading: ["download"],
  probing: ["analyze", "download"],
  rendering: ["process"],
  checking: ["qa", "process"],
  publishing: ["upload"],
  done: ["upload"],
} as const;

const BEFORE_WORK: ReadonlySet<string> = new Set(["queue", "allocate"]);

/** Which step of the workflow the job is at: by its status until it runs, then by what its runner says. */
function enterStep(context: StepContext, { status }: JobRow, progress: Progress | null): void {
  if (status === "CREATED" || status === "PENDING") enterFirst(context, ["queue", "allocate"]);
  else if (status === "ASSIGNED" || status === "ACCEPTED") enterFirst(context, ["allocate"]);
  else if (status === "RUNNING") {
    const step = progress?.render?.step;
    // After a restart nobody knows how far it is until its next report: it is where it was.
    if (step !== undefined) enterFirst(context, STEPS_OF_RUNNER[step]);
    else if (BEFORE_WORK.has(context.current() ?? "")) enterFirst(context, ["download"]);
  }
}

function enterFirst({ run, unit, enter }: StepContext, names: readonly string[]): void {
  const own = run.definition.steps.filter(({ group }) => group === unit).map(({ name }) => name);
  const step = names.find((name) => own.includes(name));
  if (step !== undefined) enter(step);
}
