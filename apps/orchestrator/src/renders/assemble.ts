import type { Logger } from "@stream-control/service-kit";
import type { Access } from "@stream-control/service-kit/access";
import type { Routes } from "@stream-control/service-kit/app";
import type { AuditRecorder, EventLog } from "@stream-control/service-kit/audit";
import type { ClientAddresses } from "@stream-control/service-kit/http";
import type { Store } from "@stream-control/store";
import type { RequestHandler } from "express";
import type { Probes } from "../agents/probes.js";
import type { AgentRegistry } from "../agents/registry.js";
import type { JobControl } from "../jobs/control.js";
import type { JobReader } from "../jobs/job-reader.js";
import type { Ledger } from "../jobs/ledger.js";
import type { ProgressBoard } from "../jobs/progress-board.js";
import type { SubmissionDeps } from "../jobs/submission.js";
import type { JobViews } from "../jobs/views.js";
import type { Guards } from "../resilience/guards.js";
import type { RenderTimeModel } from "../scheduling/model/render-time-model.js";
import type { SealedColumns } from "../secrets/sealed-columns.js";
import type { Tables } from "../store/tables.js";
import { checkAddress } from "../webhooks/address.js";
import { receiverResolver } from "../webhooks/sender.js";
import type { WebhookSettings } from "../webhooks/settings.js";
import { WorkflowEngine } from "../workflows/engine.js";
import { workflowRoutes } from "../workflows/routes.js";
import { RunRows } from "../workflows/run-rows.js";
import { StepJobs } from "../workflows/step-jobs.js";
import { callbackGuards, notifyRetry, notifyStep } from "./callbacks/notify.js";
import { callbackRoutes } from "./callbacks/routes.js";
import { CallbackSecrets } from "./callbacks/secrets.js";
import { Renderers } from "./distributed/fleet.js";
import { distributedSteps } from "./distributed/handlers.js";
import { PartsBoard } from "./distributed/parts-board.js";
import type { ResultParts } from "./files/assemble.js";
import { RENDERS_PATH } from "./http.js";
import { RenderWaits } from "./render-waits.js";
import { Renders } from "./renders.js";
import { renderRoutes } from "./routes.js";
import { VIDEO_PATHS, videoCreateRoutes, videoResultRoutes } from "./video-routes.js";
import { RENDER_KIND, renderKind } from "./workflow/render-kind.js";

export interface RenderParts {
  readonly routes: Routes;
  readonly engine: WorkflowEngine;
  /** Takes up the workflows that were under way. To be called once jobs are being given out. */
  start(): Promise<void>;
  /** Answers whoever waits, and leaves the workflows to the next start. */
  stop(): Promise<void>;
}

export interface RenderDeps {
  access: Access;
  readBody: RequestHandler;
  addresses: ClientAddresses;
  audit: AuditRecorder;
  store: Store<Tables>;
  sealed: SealedColumns;
  log: EventLog;
  ledger: Ledger;
  reader: JobReader;
  control: JobControl;
  views: JobViews;
  board: ProgressBoard;
  probes: Probes;
  registry: AgentRegistry;
  submission: SubmissionDeps;
  results: Pick<ResultParts, "files" | "retention">;
  /** How long renders take, as far as that is known. */
  model: RenderTimeModel;
  /** How whoever is to be told is reached, as webhooks are. */
  webhooks: WebhookSettings;
  guards: Guards;
  /** How long a request for a render waits for its result. */
  immediateMs: number;
  logger: Logger;
  now: () => Date;
}

/** Renders, and the workflows that carry them out. */
export function assembleRenders(deps: RenderDeps): RenderParts {
  const { store, sealed, ledger, reader, control, board, submission, webhooks, logger, log, now } = deps;
  const { files, retention } = deps.results;
  const rows = new RunRows(store, sealed, submission.newId());
  const engine = new WorkflowEngine({ store, rows, log, logger, now });
  const progressOf = (jobId: string) => board.progress(jobId);
  const jobs = new StepJobs({
    ledger,
    reader,
    control,
    submission,
    progressOf,
    requesterOf: (id) => rows.requesterOf(id),
  });
  board.onProgress((jobId, progress) => jobs.progressed(jobId, progress));
  const waits = new RenderWaits(engine);
  const { newId } = submission;
  const resolve = receiverResolver(webhooks);
  const renderers = new Renderers(deps.registry);
  const parts = new PartsBoard();
  const renders = new Renders({
    ...{ engine, reader, views: deps.views, model: deps.model, files, retention, waits, renderers, parts, newId, now },
    ...{ notifyRetry: notifyRetry(webhooks), immediateMs: deps.immediateMs },
    checkCallback: (url, path) => checkAddress(url, { plainHttp: webhooks.plainHttp, resolve }, path),
  });
  const secrets = new CallbackSecrets({ store, sealed, log, now });
  const notify = notifyStep({
    renders,
    secrets,
    settings: webhooks,
    resolve,
    guards: callbackGuards(deps.guards),
    now,
  });
  const { handlers, compensations } = distributedSteps({
    ...{ engine, jobs, reader, control, files, probes: deps.probes, renderers, board: parts, logger, now },
  });
  const carrying = { engine, jobs, ledger, reader, control, files, log, progressOf };
  engine.register(RENDER_KIND, renderKind({ ...carrying, handlers: { ...handlers, notify }, compensations }));
  return {
    engine,
    routes: [
      [RENDERS_PATH, renderRoutes({ ...deps, renders })],
      [RENDERS_PATH, workflowRoutes({ ...deps, engine, shownOutputs: ["validate", "notify"] })],
      [RENDERS_PATH, callbackRoutes({ ...deps, secrets })],
      [VIDEO_PATHS.create, videoCreateRoutes({ ...deps, renders })],
      [VIDEO_PATHS.result, videoResultRoutes({ ...deps, renders })],
    ],
    start: () => engine.load(),
    stop: async () => {
      waits.stop();
      await engine.stop();
    },
  };
}
