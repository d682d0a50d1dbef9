import { backoffMs } from "@stream-control/service-kit";
import type { YouTubeError } from "../api/errors.js";
import type { QuotaBudget } from "../quota/budget.js";
import type { YouTubePace } from "../settings.js";
import { remedyFor } from "./after-failure.js";
import type { Broadcast } from "./broadcast.js";
import { type JobSide, wishOf } from "./job-side.js";
import type { Step, Wish } from "./next-step.js";
import type { Performer } from "./performer.js";
import { textsFor } from "./texts.js";
import { doingOf, type Tracked } from "./tracked.js";
import { said } from "./words.js";

export interface SetbacksOptions {
  budget: QuotaBudget;
  pace: YouTubePace;
  jobs: JobSide;
  performer: Performer;
  now: () => Date;
  save: (tracked: Tracked, changes: Partial<Broadcast>) => Promise<void>;
  finish: (tracked: Tracked, outcome: string) => Promise<void>;
}

/** How often it is looked whether units that were kept for others are free again. */
const QUOTA_PAUSE_MS = 900_000;

/** What becomes of a broadcast when a step fails. */
export class Setbacks {
  constructor(private readonly options: SetbacksOptions) {}

  /** Notes a failure and what is done about it; tells the job what is news. */
  async take(tracked: Tracked, step: Step, error: YouTubeError): Promise<void> {
    const { broadcast } = tracked;
    if (broadcast.state === "ended") return;
    const { pace, now, jobs, budget, performer, save } = this.options;
    const { kind, reason, message } = error;
    const wish = wishOf(broadcast, tracked.job);
    const doing = doingOf(step, wish);
    const attempts = broadcast.attempts + 1;
    const remedy = remedyFor({ kind, reason, doing, attempts, keepsStream: broadcast.keepsStream });
    const isNews = broadcast.problem?.reason !== reason;
    const at = now().toISOString();
    // An insert that was made may take a moment to be listed; before that, looking for it says nothing.
    const pauseMs = Math.max(
      ...[error.retryAfterMs ?? 0, error.unsure && broadcast.unsure !== null ? pace.startPollMs : 0],
      backoffMs(attempts, { baseMs: pace.retryBaseMs, maxMs: pace.retryMaxMs }),
    );
    const later = (ms: number) => new Date(now().getTime() + ms).toISOString();
    tracked.sighting = undefined;
    const noted = { attempts, problem: { kind, reason, message, at } };
    // Somebody who ends a show wants to know at once, and then not every five minutes.
    const isTold = doing === "end" ? isNews || Number.isInteger(Math.log2(attempts)) : isNews;
    switch (remedy) {
      case "look":
        await save(tracked, { attempts, retryAt: attempts > 2 ? later(pauseMs) : null });
        if (kind === "gone")
          await save(tracked, { broadcastId: null, bound: false, outcome: broadcast.outcome ?? "gone" });
        return;
      case "other-stream":
        await performer.forgetStream(broadcast);
        await save(tracked, { ...noted, streamId: null, ingestion: null, bound: false });
        break;
      case "retry":
        await save(tracked, { ...noted, retryAt: later(pauseMs) });
        break;
      case "next-day":
        jobs.letGo(broadcast.jobId);
        await save(tracked, { ...noted, retryAt: later(Math.min(budget.leftMs, QUOTA_PAUSE_MS)) });
        break;
      case "connect":
        jobs.letGo(broadcast.jobId);
        await save(tracked, noted);
        break;
      case "halt":
        tracked.haltedAt = tracked.job?.runningSince ?? null;
        await save(tracked, { ...noted, attempts: 0, retryAt: null });
        return jobs.note(broadcast, said.halted(broadcast, reason, message));
      case "skip":
        tracked.refusedTexts = textsFor(broadcast);
        await save(tracked, { attempts: 0, retryAt: null });
        return jobs.note(broadcast, said.editFailed(broadcast, reason, message));
      case "give-up":
        return this.giveUp(tracked, noted, wish);
    }
    if (!isTold || reason === "errorStreamInactive" || broadcast.options.givenUp === true) return;
    const tell = wish.over ? said.completeFailed : said.delayed;
    await jobs.note(broadcast, tell(broadcast, reason, message));
  }

  /** Nothing more can be done: the job goes on without, and what there is of the broadcast is cleared away. */
  private async giveUp(tracked: Tracked, noted: Pick<Broadcast, "attempts" | "problem">, wish: Wish): Promise<void> {
    const { jobs, save, finish } = this.options;
    const { broadcast } = tracked;
    const { reason = "", message = "" } = noted.problem ?? {};
    if (broadcast.options.givenUp === true) return finish(tracked, "given-up");
    if (wish.over) {
      await jobs.note(broadcast, said.completeFailed(broadcast, reason, message));
      return finish(tracked, "given-up");
    }
    await jobs.note(broadcast, said.failed(broadcast, reason, message));
    jobs.letGo(broadcast.jobId);
    const options = { ...broadcast.options, givenUp: true };
    const over = { outcome: "given-up", attempts: 0, retryAt: null, autoStart: false };
    await save(tracked, { ...over, options, problem: noted.problem });
  }
}
