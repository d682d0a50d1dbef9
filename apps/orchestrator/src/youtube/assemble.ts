import type { CreateJob } from "@stream-control/protocol";
import type { AuditRecorder } from "@stream-control/service-kit/audit";
import type { AgentRegistry } from "../agents/registry.js";
import type { NewJobRow } from "../jobs/job-queries.js";
import type { Ledger } from "../jobs/ledger.js";
import type { SubmissionDeps } from "../jobs/submission.js";
import type { JobRow } from "../store/tables.js";
import { autoStopUnsupported, broadcastNotFound, JobBroadcasts, type Submitted } from "./broadcasts/job-broadcasts.js";
import { Clockwork } from "./schedule/clockwork.js";
import { BroadcastDesk } from "./schedule/desk.js";
import { followStarts } from "./schedule/follow-start.js";
import {
  type BroadcastsDeps,
  buildBroadcasts,
  startBroadcasts,
  stopBroadcasts,
  type YouTubeBroadcasts,
} from "./youtube.js";

export interface AssembleDeps extends BroadcastsDeps {
  submission: SubmissionDeps;
  registry: AgentRegistry;
  audit: AuditRecorder;
}

/** Broadcasts of jobs, announced ones, and what starts and ends them. */
export interface YouTubeParts {
  readonly youtube: YouTubeBroadcasts;
  readonly jobBroadcasts: JobBroadcasts;
  readonly desk: BroadcastDesk;
  /** Takes up what was under way at the last stop. */
  start(open: readonly JobRow[]): Promise<void>;
  /** Resolves when nothing is written any more. */
  stop(): Promise<void>;
}

export function assembleYouTube(deps: AssembleDeps): YouTubeParts {
  const { ledger, scheduler, logger, submission, registry, control, audit, now } = deps;
  const { newId, templates, titles } = submission;
  const youtube = buildBroadcasts(deps);
  const { due } = youtube.settings;
  const jobBroadcasts = new JobBroadcasts({ youtube, ledger, scheduler, logger, newId, now });
  const clockwork = new Clockwork({
    ...{ book: youtube.book, conductor: youtube.conductor, jobBroadcasts, submission, registry, scheduler },
    ...{ control, audit, due, logger, now },
  });
  const desk = new BroadcastDesk({
    ...{ youtube, clockwork, registry, templates, titles, newId, now },
    ...{ reserveMs: due.reserveMs, answerMs: youtube.settings.timeoutMs },
  });
  return {
    ...{ youtube, jobBroadcasts, desk },
    async start(open) {
      await startBroadcasts(youtube);
      jobBroadcasts.holdAgain(open);
      clockwork.start();
      followStarts({ ledger, book: youtube.book, conductor: youtube.conductor, logger });
    },
    async stop() {
      clockwork.stop();
      await stopBroadcasts(youtube);
    },
  };
}

/** Submits a job, with its broadcast where it is to have one. @throws AppError as {@link JobBroadcasts.submit}. */
export function submitWith(parts: YouTubeParts | undefined, ledger: Ledger) {
  return async (row: NewJobRow, body: CreateJob): Promise<Submitted> => {
    if (parts !== undefined) return parts.jobBroadcasts.submit(row, body);
    if (body.broadcastId != null) throw broadcastNotFound(body.broadcastId);
    if (body.autoStopEnabled === true) throw autoStopUnsupported();
    return ledger.submit(row);
  };
}
