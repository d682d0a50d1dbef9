import type { JsonObject, Progress, ScalingAdvice } from "@stream-control/protocol";
import type { Logger } from "@stream-control/service-kit";
import type { Access } from "@stream-control/service-kit/access";
import type { Routes } from "@stream-control/service-kit/app";
import type { Store } from "@stream-control/store";
import type { RequestHandler } from "express";
import type { AgentRegistry } from "../agents/registry.js";
import { Repeated } from "../configuration/repeated.js";
import type { Settings } from "../configuration/settings.js";
import { configOf } from "../jobs/job-record.js";
import type { Committed, Ledger } from "../jobs/ledger.js";
import { RENDERS_PATH } from "../renders/http.js";
import { isRenderConfig } from "../scheduling/requirement.js";
import type { WaitingJob } from "../scheduling/waiting-jobs.js";
import type { JobRow, Tables } from "../store/tables.js";
import type { Announce } from "../webhooks/announcements.js";
import type { Amounts } from "./amounts.js";
import { LearnedDemands } from "./learned.js";
import { RenderPace } from "./render-pace.js";
import { resourceRoutes } from "./routes.js";
import { Scaler } from "./scaler.js";

export interface ResourceDeps {
  access: Access;
  readBody: RequestHandler;
  store: Store<Tables>;
  ledger: Ledger;
  registry: AgentRegistry;
  settings: Settings;
  /** Jobs that would start if there were an agent for them. */
  lackAgents: () => Iterable<WaitingJob>;
  announce: Announce;
  /** Is told what a job used, before others hear of its end. */
  onUsage: (jobId: string, usage: { cpuUsed: number; cpuReserved: number }) => void;
  /** Renders that are expected in a room within the hour; undefined where nobody can say. */
  rendersNextHour: (room: string) => number | undefined;
  logger: Logger;
  now: () => Date;
}

export interface ResourceParts {
  readonly routes: Routes;
  /** Advice for each room. @param rooms null for all. */
  advice(rooms: readonly string[] | null): ScalingAdvice[];
  /** What a config needs of a machine. */
  readonly needsOf: (config: JsonObject) => Amounts;
  /** A running job was measured. */
  measured(jobId: string, progress: Progress): void;
  /** @param lately jobs that ended before the start, the oldest first. */
  start(open: readonly JobRow[], lately: readonly JobRow[]): Promise<void>;
  /** Resolves when what was learned is on disk. */
  stop(): Promise<void>;
}

/** A burst of jobs is looked at once. */
const GATHER_MS = 2000;

/** What jobs need, what agents have, and how large the fleet ought to be. */
export function assembleResources(deps: ResourceDeps): ResourceParts {
  const { access, readBody, store, ledger, registry, settings, lackAgents, announce, logger, now } = deps;
  const learned = new LearnedDemands({ store, logger, now });
  const pace = new RenderPace();
  /** Renders that hold a slot. */
  const renders = new Set<string>();
  const scaler = new Scaler({
    ...{ registry, lackAgents, settings, announce, logger, now },
    isRender: (jobId) => renders.has(jobId),
    history: { renderMs: (room) => pace.meanMs(room), rendersNextHour: deps.rendersNextHour },
  });
  const saving = new Repeated(
    settings,
    ({ resources }) => resources.optimizationInterval,
    () => learned.save(),
  );
  let soon: NodeJS.Timeout | undefined;
  const looking = new Repeated(
    settings,
    ({ loadBalancing }) => loadBalancing.healthCheckInterval,
    () => scaler.look(),
  );

  const follow = (job: JobRow, before?: JobRow): void => {
    if (job.status === before?.status) return;
    if (job.status === "PENDING") soon ??= setTimeout(lookSoon, GATHER_MS).unref();
    if (job.ended_at !== null || job.agent_id === null) {
      const cpuUsed = learned.ended(job.id);
      if (cpuUsed !== undefined)
        deps.onUsage(job.id, { cpuUsed, cpuReserved: learned.needsOf(configOf(job)).cpu / 1000 });
      if (renders.delete(job.id) && job.status === "STOPPED") pace.note(job);
    } else if (before?.agent_id !== job.agent_id) {
      const config = configOf(job);
      learned.begin(job.id, config);
      if (isRenderConfig(config)) renders.add(job.id);
    }
  };
  const lookSoon = (): void => {
    soon = undefined;
    void scaler.look();
  };

  return {
    routes: [[RENDERS_PATH, resourceRoutes({ access, readBody, registry, lackAgents, scaler, now })]],
    advice: (rooms) => scaler.byRoom(rooms),
    needsOf: learned.needsOf,
    measured: (jobId, progress) => learned.measured(jobId, progress),
    async start(open, lately) {
      await learned.load();
      for (const job of lately) if (job.status === "STOPPED" && isRenderConfig(configOf(job))) pace.note(job);
      for (const job of open) follow(job);
      ledger.onCommit(({ job, before }: Committed) => follow(job, before ?? undefined));
      saving.start();
      looking.start();
    },
    async stop() {
      clearTimeout(soon);
      await Promise.all([saving.stop(), looking.stop()]);
      await learned.save();
    },
  };
}
