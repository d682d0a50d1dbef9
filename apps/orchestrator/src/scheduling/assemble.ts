import type { Access } from "@stream-control/service-kit/access";
import type { Routes } from "@stream-control/service-kit/app";
import type { RequestHandler } from "express";
import type { Settings } from "../configuration/settings.js";
import type { JobReader } from "../jobs/job-reader.js";
import { RENDERS_PATH } from "../renders/http.js";
import type { JobRow } from "../store/tables.js";
import { FleetHistory } from "./history/fleet-history.js";
import type { RenderTimeModel } from "./model/render-time-model.js";
import { modelRoutes } from "./model/routes.js";
import { Scheduler, type SchedulerOptions } from "./scheduler.js";
import { schedulingOf } from "./settings.js";

export interface SchedulingDeps extends Omit<SchedulerOptions, "settings" | "history"> {
  access: Access;
  readBody: RequestHandler;
  reader: JobReader;
  settings: Settings;
}

export interface SchedulingParts {
  readonly scheduler: Scheduler;
  /** How long renders take, as far as that is known. */
  readonly model: RenderTimeModel;
  readonly routes: Routes;
  /** Takes up what the fleet did before the last stop, and follows what it does. To be called before the scheduler starts. */
  learn(open: readonly JobRow[]): Promise<void>;
}

/** Who gets which slot, and what that is decided by. */
export function assembleScheduling({
  access,
  readBody,
  reader,
  settings,
  ...options
}: SchedulingDeps): SchedulingParts {
  const history = new FleetHistory();
  const scheduler = new Scheduler({ ...options, history, settings: () => schedulingOf(settings.current) });
  settings.onChange(() => scheduler.reconsider());
  const { registry, ledger } = options;
  return {
    scheduler,
    model: history.model,
    routes: [[RENDERS_PATH, modelRoutes({ access, readBody, registry, model: history.model })]],
    async learn(open) {
      await history.load(reader, open);
      ledger.onCommit((committed) => history.follow(committed));
    },
  };
}
