import type { Progress } from "@stream-control/protocol";
import type { Routes } from "@stream-control/service-kit/app";
import { assembleAnalytics } from "../analytics/assemble.js";
import { assembleHealth, type HealthPartsDeps } from "../health/assemble.js";
import type { JobReader } from "../jobs/job-reader.js";
import { assembleResources, type ResourceDeps, type ResourceParts } from "../resources/assemble.js";
import type { Scheduler } from "../scheduling/scheduler.js";
import type { JobRow } from "../store/tables.js";

export interface OperationsDeps
  extends HealthPartsDeps,
    Omit<ResourceDeps, "lackAgents" | "rendersNextHour" | "onUsage"> {
  reader: JobReader;
  scheduler: Pick<Scheduler, "lackAgents">;
}

/** What keeps the fleet going: what it has and needs, what became of the jobs, and how everything fares. */
export interface OperationsParts extends Pick<ResourceParts, "needsOf"> {
  readonly routes: Routes;
  /** A running job was measured. */
  measured(jobId: string, progress: Progress): void;
  /** @param lately jobs that ended before the start, the oldest first. */
  start(open: readonly JobRow[], lately: readonly JobRow[]): Promise<void>;
  /** Resolves when what was learned and noted is on disk. */
  stop(): Promise<void>;
}

export async function assembleOperations({ scheduler, ...deps }: OperationsDeps): Promise<OperationsParts> {
  const resources = assembleResources({
    ...deps,
    lackAgents: () => scheduler.lackAgents(),
    // What a job used is told before its end is noted, which is why the resources begin first.
    onUsage: (jobId, usage) => analytics.used(jobId, usage),
    rendersNextHour: (room) => analytics.rendersNextHour(room),
  });
  const analytics = assembleAnalytics({ ...deps, advice: (rooms) => resources.advice(rooms) });
  const health = await assembleHealth(deps);
  return {
    routes: [...resources.routes, ...analytics.routes, ...health.routes],
    needsOf: resources.needsOf,
    measured: (jobId, progress) => resources.measured(jobId, progress),
    async start(open, lately) {
      await resources.start(open, lately);
      await analytics.start(open);
      await health.start();
    },
    async stop() {
      await Promise.all([resources.stop(), analytics.stop(), health.stop()]);
    },
  };
}
