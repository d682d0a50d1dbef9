import type { AnalyticsReply, ScalingAdvice } from "@stream-control/protocol";
import { type Logger, toError } from "@stream-control/service-kit";
import type { Access } from "@stream-control/service-kit/access";
import type { Routes } from "@stream-control/service-kit/app";
import type { Store } from "@stream-control/store";
import type { RequestHandler } from "express";
import { Repeated } from "../configuration/repeated.js";
import type { Settings } from "../configuration/settings.js";
import type { JobReader } from "../jobs/job-reader.js";
import { configOf } from "../jobs/job-record.js";
import type { Ledger } from "../jobs/ledger.js";
import { RENDERS_PATH } from "../renders/http.js";
import type { JobRow, Tables } from "../store/tables.js";
import { kindOf, type Usage } from "./fact.js";
import { FactRows } from "./fact-rows.js";
import { FactRecorder } from "./recorder.js";
import { type Asked, analyticsReply, demand } from "./report.js";
import { analyticsRoutes } from "./routes.js";

export interface AnalyticsDeps {
  access: Access;
  readBody: RequestHandler;
  store: Store<Tables>;
  reader: JobReader;
  ledger: Ledger;
  settings: Settings;
  /** Advice on the size of the fleet. */
  advice: (rooms: readonly string[] | null) => ScalingAdvice[];
  logger: Logger;
  now: () => Date;
}

export interface AnalyticsParts {
  readonly routes: Routes;
  /** What a job used, told before its end is. */
  used(jobId: string, usage: Usage): void;
  /** Renders that are expected in a room within the hour; undefined where nobody can say. */
  rendersNextHour(room: string): number | undefined;
  start(open: readonly JobRow[]): Promise<void>;
  /** Resolves when what became of jobs is on disk. */
  stop(): Promise<void>;
}

/** Whoever asks the same again within this time is given the same answer: pages ask often, and history hardly moves. */
const FRESH_MS = 5000;
/** Answers that are kept. */
const MOST_ANSWERS = 50;

interface OpenJob {
  room: string;
  kind: string;
  createdAt: string;
}

/** What became of the jobs, and what is to be expected. */
export function assembleAnalytics(deps: AnalyticsDeps): AnalyticsParts {
  const { access, readBody, store, reader, ledger, settings, advice, logger, now } = deps;
  const rows = new FactRows(store);
  const recorder = new FactRecorder({ rows, reader, logger, now });
  const openJobs = new Map<string, OpenJob>();
  const answers = new Map<string, { atMs: number; reply: Promise<AnalyticsReply> }>();
  let expected = new Map<string, number>();

  const open = (rooms: readonly string[] | null, kind: "render" | "stream" | undefined): string[] =>
    [...openJobs.values()]
      .filter((job) => rooms === null || rooms.includes(job.room))
      .filter((job) => (kind === undefined ? job.kind !== "render_part" : job.kind === kind))
      .map(({ createdAt }) => createdAt);

  const isPredicting = () => settings.current.analytics.enabled && settings.current.analytics.predictionEnabled;
  const report = (asked: Asked): Promise<AnalyticsReply> => {
    const key = JSON.stringify([asked, settings.current.analytics]);
    const atMs = now().getTime();
    const known = answers.get(key);
    if (known !== undefined && atMs - known.atMs < FRESH_MS) return known.reply;
    const reply = recorder.flush().then(() => analyticsReply(asked, { rows, advice, open, isPredicting, now }));
    answers.delete(key);
    answers.set(key, { atMs, reply });
    reply.catch(() => answers.delete(key));
    const [oldest] = answers.keys();
    if (answers.size > MOST_ANSWERS && oldest !== undefined) answers.delete(oldest);
    return reply;
  };

  const expect = async (): Promise<void> => {
    const next = new Map<string, number>();
    try {
      if (isPredicting())
        for (const { room } of advice(null)) {
          if (room === null) continue;
          const result = await demand({ rooms: [room], horizon: "1h", kind: "render" }, { rows, open, now });
          if ("predicted" in result) next.set(room, result.predicted);
        }
    } catch (thrown) {
      logger.error({ err: toError(thrown) }, "demand could not be forecast");
    }
    expected = next;
  };
  const expecting = new Repeated(settings, ({ resources }) => resources.optimizationInterval, expect);

  const follow = (job: JobRow): void => {
    if (job.ended_at !== null) openJobs.delete(job.id);
    else if (!openJobs.has(job.id))
      openJobs.set(job.id, { room: job.room, kind: kindOf(configOf(job)), createdAt: job.created_at });
  };

  return {
    routes: [
      [
        RENDERS_PATH,
        analyticsRoutes({ access, readBody, report, isEnabled: () => settings.current.analytics.enabled }),
      ],
    ],
    used: (jobId, usage) => recorder.used(jobId, usage),
    rendersNextHour: (room) => expected.get(room),
    async start(jobs) {
      await recorder.catchUp();
      for (const job of jobs) follow(job);
      ledger.onCommit((committed) => {
        follow(committed.job);
        recorder.noted(committed);
      });
      await expect();
      expecting.start();
    },
    async stop() {
      await expecting.stop();
      await recorder.flush();
    },
  };
}
