import {
  type ErrorInfo,
  isFinalStatus,
  type JsonObject,
  type Progress,
  type RenderTask,
} from "@stream-control/protocol";
import type { Probes } from "../../agents/probes.js";
import type { JobControl } from "../../jobs/control.js";
import type { JobReader } from "../../jobs/job-reader.js";
import { fromJson } from "../../jobs/job-record.js";
import type { JobRow } from "../../store/tables.js";
import type { WorkflowEngine } from "../../workflows/engine.js";
import { type Compensation, StepAborted, type StepContext, StepError, type StepHandler } from "../../workflows/kind.js";
import { placeOf } from "../files/place.js";
import type { ResultFiles } from "../files/result-files.js";
import { causeOf } from "../status.js";
import type { Analysis } from "../workflow/choose.js";
import { requestForAgents } from "../workflow/render-input.js";
import { PARTS, restartLimits } from "../workflow/templates.js";
import { FanOut, type FanOutDeps, PartStopped, partKey } from "./fan-out.js";
import { lookIntoSources, type Seen } from "./look.js";
import { MOST_TRIES } from "./pace.js";
import type { Winner } from "./part-tries.js";
import { type Plan, planParts } from "./plan.js";

export interface DistributedDeps extends FanOutDeps {
  engine: Pick<WorkflowEngine, "command">;
  reader: JobReader;
  control: JobControl;
  files: ResultFiles;
  probes: Probes;
}

/** What the parts came to: the pictures in order, and the sound. */
interface Made extends Record<string, unknown> {
  parts: { jobId: string; file: string; frames: number }[];
  sound: { jobId: string; file: string } | null;
}

/** The steps that only renders have that are made in parts. */
export function distributedSteps(deps: DistributedDeps): {
  handlers: Record<string, StepHandler>;
  compensations: Record<string, Compensation>;
} {
  const { renderers, probes } = deps;
  return {
    handlers: {
      look: async (context) => ({
        output: await lookIntoSources(await requestForAgents(context), context.run.room, probes),
      }),
      partition: async ({ input, output, run }) => {
        const request = await requestForAgents({ input });
        const { facts } = output("analyze") as Seen;
        const { estimate = null } = (output("validate") ?? {}) as Partial<Analysis>;
        const agents = renderers.able({ kind: "render", request }, run.room).length;
        return { output: planParts(request, facts, agents, estimate?.processing_ms) };
      },
      parts: (context) => makeParts(context, deps),
      merge: (context) => merge(context, deps),
      remove_parts: async (context) => {
        for (let generation = 1; generation <= context.run.state.generation; generation += 1)
          await removeParts(`${context.run.id}:${PARTS}:${generation}`, context, deps);
        return undefined;
      },
    },
    compensations: { discard_parts: (context) => removeParts(context.key, context, deps) },
  };
}

async function makeParts(context: StepContext, deps: DistributedDeps) {
  const request = await requestForAgents(context);
  const plan = context.output("partition") as Plan;
  try {
    const winners = await new FanOut(context, request, plan, deps).run();
    const made = plan.parts.map(({ task }, index) => ({ task, winner: winners[index] as Winner }));
    const sound = made.find(({ task }) => task.type === "sound")?.winner;
    const parts = made.flatMap(({ task, winner }) => (task.type === "frames" ? [winner] : []));
    return { output: { parts, sound: sound ?? null } as unknown as JsonObject };
  } catch (thrown) {
    if (!(thrown instanceof PartStopped)) throw thrown;
    await deps.engine.command(context.run.id, "cancel");
    throw new StepAborted("stop");
  }
}

const STEPS = { checking: "qa", publishing: "upload", done: "upload" } as const;

async function merge(context: StepContext, { jobs, engine, now }: DistributedDeps) {
  const request = await requestForAgents(context);
  const { totalFrames } = context.output("partition") as Plan;
  const { parts, sound } = context.output(PARTS) as unknown as Made;
  const task: RenderTask = {
    ...{ type: "merge", totalFrames, parts: parts.map(({ file, frames }) => ({ key: file, frames })) },
    ...(sound === null ? {} : { sound: sound.file }),
  };
  const { retry } = context;
  const enter = (row: JobRow, progress: Progress | null) => {
    // After a restart nobody knows how far it is until its next report: it is where it was.
    if (progress?.render === undefined && row.status === "RUNNING") return;
    const step = progress?.render?.step ?? "downloading";
    context.enter(row.status === "RUNNING" && step in STEPS ? STEPS[step as keyof typeof STEPS] : "merge");
  };
  const job = await jobs.run(context, {
    ...{ config: { kind: "render", request, task, qa: true }, title: `Render ${request.id}`, onChange: enter },
    ...{ priority: request.priority, placement: request.placement, metadata: request.metadata },
    ...(retry === undefined ? {} : { restart: restartLimits(retry) }),
  });
  const progress = fromJson<Progress>(job.progress);
  if (progress?.render?.step === "done" && job.status !== "FAILED" && placeOf(progress, [job.id]) !== undefined) {
    const { step: _step, ...made } = progress.render;
    return { output: { jobId: job.id, ...made, elapsedMs: sinceParts(context, now) } };
  }
  if (context.signal.aborted) throw context.signal.reason;
  const error = job.status === "FAILED" ? fromJson<ErrorInfo>(job.error) : null;
  if (error !== null) {
    const { code, message, detail } = causeOf(error);
    throw new StepError({ code, message, ...(detail === undefined ? {} : { detail }) }, false);
  }
  await engine.command(context.run.id, "cancel");
  throw new StepAborted("stop");
}

/** Milliseconds since the first part was begun, as far as this run did it. */
function sinceParts({ run }: StepContext, now: () => Date): number {
  const began = run.state.steps.process?.tries[0]?.startedAtMs;
  return began === undefined ? 0 : Math.max(0, now().getTime() - began);
}

/**
 * Ends every job that makes a part, and removes what they made.
 *
 * @throws StepError while one has not come to its end: until then it may put a file there.
 */
async function removeParts(
  key: string,
  { output }: Pick<StepContext, "output">,
  { reader, control, files }: DistributedDeps,
): Promise<void> {
  const plan = output("partition") as Plan | undefined;
  let isBusy = false;
  for (const part of plan?.parts ?? [])
    for (let number = 0; number < MOST_TRIES; number += 1) {
      const job = await reader.byIdempotencyKey(`${key}:${partKey(part, number)}`);
      if (job === undefined) break;
      if (isFinalStatus(job.status)) await files.removeFolder(job.id);
      else {
        await control.stop(job.id);
        isBusy = true;
      }
    }
  if (isBusy) throw new StepError({ code: "PART_NOT_ENDED", message: "A part has not come to its end yet." }, true);
}
