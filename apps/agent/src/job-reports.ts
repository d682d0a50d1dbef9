import type { AgentClient, JobRef } from "@stream-control/agent-sdk";
import type { Logger } from "@stream-control/service-kit";
import type { RunnerStatus } from "./runner/contract.js";
import type { RunnerObserver } from "./runners/runner-observer.js";

/** Progress goes to the orchestrator about once a second; what comes sooner is left out. */
const PROGRESS_INTERVAL_MS = 900;

/** Brings what the runner of one job tells to the orchestrator. */
export function jobReports({ jobId, epoch }: JobRef, client: AgentClient, logger: Logger): RunnerObserver {
  let status: RunnerStatus = "STARTING";
  let progressAt = Number.NEGATIVE_INFINITY;
  return {
    onStatus: (now, progress) => {
      status = now;
      client.update(jobId, now, progress === undefined ? {} : { progress });
    },
    onProgress: (progress) => {
      if (performance.now() - progressAt < PROGRESS_INTERVAL_MS) return;
      progressAt = performance.now();
      client.update(jobId, status, { progress });
    },
    onPicture: (jpeg, takenAt) => client.snapshot(jobId, jpeg, takenAt),
    onLog: (level, message) => client.log(jobId, level, message),
    onEvent: (type, message, data) => client.event(jobId, type, message, data),
    onEnded: ({ status: final, error, progress }) => {
      logger.info({ jobId, epoch, status: final, code: error?.code }, "a job ended");
      client.stopped(jobId, final, {
        ...(error === undefined ? {} : { error }),
        ...(progress === undefined ? {} : { progress }),
      });
    },
  };
}
