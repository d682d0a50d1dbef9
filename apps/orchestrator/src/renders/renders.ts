import { isFinalStatus, type JobRecord, parseRenderRequest, type RenderRequest } from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import type { JobReader } from "../jobs/job-reader.js";
import type { JobViews } from "../jobs/views.js";
import type { RenderTimeModel } from "../scheduling/model/render-time-model.js";
import type { RetryPolicy } from "../workflows/definition.js";
import type { WorkflowEngine } from "../workflows/engine.js";
import type { WorkflowRun } from "../workflows/run.js";
import type { Renderers } from "./distributed/fleet.js";
import type { PartsBoard } from "./distributed/parts-board.js";
import { estimateRender } from "./estimate.js";
import { placeOf } from "./files/place.js";
import type { ResultFiles } from "./files/result-files.js";
import type { ResultRetention } from "./files/retention.js";
import type { RenderWaits } from "./render-waits.js";
import { estimateOf, type Render, renderStatusOf } from "./status.js";
import { type Analysis, analyze, definitionFor, framesOf } from "./workflow/choose.js";
import { RENDER_KIND } from "./workflow/render-kind.js";
import { CARRIED } from "./workflow/templates.js";

const PREFIX = "render:";
const keyOf = (id: string): string => PREFIX + id;
/** The id that the client gave. */
export const renderIdOf = ({ key }: Pick<WorkflowRun, "key">): string => key.slice(PREFIX.length);

export interface RendersDeps {
  engine: WorkflowEngine;
  reader: JobReader;
  views: JobViews;
  /** What is known of how long renders take. */
  model: RenderTimeModel;
  files: ResultFiles;
  retention: Pick<ResultRetention, "hasExpired">;
  waits: RenderWaits;
  /** Refuses an address for callbacks. @throws AppError `VALIDATION_FAILED`. */
  checkCallback: (url: string, path: string) => Promise<void>;
  /** How a receiver of callbacks that is away is tried again. */
  notifyRetry: RetryPolicy;
  /** How long a request for a render waits for its result. */
  immediateMs: number;
  renderers: Renderers;
  /** How far renders are that are made in parts. */
  parts: PartsBoard;
  newId: () => string;
  now: () => Date;
}

/** Who asks for a render, and from where. */
export interface Asker {
  room: string;
  /** Address of the service as they know it, such as `https://host`. */
  base: string;
  requestedBy: string | null;
}

/** Renders as their clients know them: by their own ids. */
export class Renders {
  constructor(private readonly deps: RendersDeps) {}

  async analyze(request: RenderRequest, room: string, frames: number | null = framesOf(request)): Promise<Analysis> {
    const { model, renderers } = this.deps;
    const agents = renderers.able({ kind: "render", request }, room);
    const estimate = frames === null ? null : estimateRender(model, { request, frames, agents });
    return analyze(request, frames, estimate, agents.length);
  }

  /**
   * Takes a render up, or finds the one with the same id.
   *
   * @throws AppError `RENDERS_UNAVAILABLE`; `VALIDATION_FAILED` for a callback address that may not be; `IDEMPOTENCY_KEY_IN_USE` where the rest of the request differs.
   */
  async start(request: RenderRequest, { room, base, requestedBy }: Asker): Promise<WorkflowRun> {
    const { engine, files, newId, checkCallback, notifyRetry, immediateMs } = this.deps;
    if (!files.areServed)
      throw new AppError(
        "RENDERS_UNAVAILABLE",
        "Results could not be fetched: set MEDIA_DIR to the folder that agents write to, or S3_BUCKET to their bucket.",
      );
    const path = request.callback_url === undefined ? "webhook_url" : "callback_url";
    const callback = request[path];
    if (callback !== undefined) await checkCallback(callback, path);
    const analysis = await this.analyze(request, room);
    const id = newId();
    const own = { ...request, id: request.id ?? `job_${id}` };
    const { run, created } = await engine.start(
      {
        ...{ id, key: keyOf(own.id), kind: RENDER_KIND, room, requestedBy },
        definition: definitionFor(request, analysis, { notifyRetry, immediateMs }),
        input: { request: own, base },
        facts: { callback: callback !== undefined },
        done: { validate: { ...analysis } },
      },
      { type: "workflow.started", message: "A render was asked for.", data: { template: analysis.template } },
    );
    if (!created && !(run.room === room && (await this.isSame(run, own))))
      throw new AppError("IDEMPOTENCY_KEY_IN_USE", `The id "${own.id}" belongs to another render; take a new one.`);
    return run;
  }

  /** Whether whoever asks for it waits for it. */
  isAwaited({ definition }: WorkflowRun): boolean {
    return definition.name === "quick_sync";
  }

  /** The run of a render; undefined where there is none with that id. */
  byId(id: string): Promise<WorkflowRun | undefined> {
    return this.deps.engine.byKey(keyOf(id));
  }

  /** @throws AppError `JOB_NOT_FOUND`. */
  async find(id: string): Promise<WorkflowRun> {
    const run = await this.byId(id);
    if (run === undefined) throw new AppError("JOB_NOT_FOUND", `There is no render "${id}".`);
    return run;
  }

  /** Waits until it is known what came of it, at most for so long. @returns the run as it is then. */
  async settled(run: WorkflowRun, ms: number, signal: AbortSignal): Promise<WorkflowRun> {
    const read = () => this.deps.engine.byId(run.id);
    await this.deps.waits.forOutcome(run.id, ms, signal, read);
    return (await this.deps.engine.byId(run.id)) ?? run;
  }

  /**
   * Ends a render; one that has ended stays as it is.
   *
   * @returns the run, ended where that takes no more than a moment.
   */
  async cancel(run: WorkflowRun): Promise<WorkflowRun> {
    const told = await this.deps.engine.command(run.id, "cancel");
    return this.settled(told, CANCEL_MS, new AbortController().signal);
  }

  /** @throws AppError `JOB_NOT_ENDED`. */
  async removeFiles(run: WorkflowRun): Promise<void> {
    if (run.state.outcome === null)
      throw new AppError("JOB_NOT_ENDED", "The render has not ended; cancel it first, and wait for its end.");
    for (let generation = 1; generation <= run.state.generation; generation += 1) {
      const job = await this.deps.reader.byIdempotencyKey(`${run.id}:${CARRIED}:${generation}`);
      if (job !== undefined && isFinalStatus(job.status)) await this.deps.files.removeFolder(job.id);
    }
  }

  /** @param base address of the service as its caller knows it, such as `https://host`. */
  async view(run: WorkflowRun, base: string): Promise<Render> {
    const { files, retention, now } = this.deps;
    const job = await this.jobOf(run);
    const place = job && placeOf(job.progress, [job.id]);
    const isDone = renderStatusOf(run) === "completed";
    const resultUrl = isDone && place !== undefined ? await files.urlOf(place, base) : undefined;
    const parts = this.deps.parts.of(run.id);
    const hasExpired = job !== undefined && retention.hasExpired(job);
    return { id: renderIdOf(run), run, job, parts, resultUrl, hasExpired, expectedAt: expectedAt(run), now: now() };
  }

  private async jobOf(run: WorkflowRun): Promise<JobRecord | undefined> {
    const { reader, views } = this.deps;
    const given = run.outputs[CARRIED]?.jobId;
    const generation = run.definition.steps.find(({ group }) => group === CARRIED)?.name ?? "";
    const key = `${run.id}:${CARRIED}:${run.state.steps[generation]?.generation ?? 1}`;
    const row = typeof given === "string" ? await reader.byId(given) : await reader.byIdempotencyKey(key);
    return row && views.record(row);
  }

  private async isSame(run: WorkflowRun, request: RenderRequest): Promise<boolean> {
    const { request: stored } = await this.deps.engine.input(run.id);
    const parsed = parseRenderRequest(stored);
    return parsed.ok && JSON.stringify(parsed.value) === JSON.stringify(request);
  }
}

/** A render that no agent has is cancelled at once. */
const CANCEL_MS = 1000;

function expectedAt({ createdAt, outputs }: WorkflowRun): string | undefined {
  const estimate = estimateOf({ outputs });
  return estimate === undefined ? undefined : new Date(Date.parse(createdAt) + estimate.processing_ms).toISOString();
}

/** Who asks, where they had to say. */
export const requesterOf = (principal: { kind: string; name: string }): string | null =>
  principal.kind === "local" ? null : principal.name;
