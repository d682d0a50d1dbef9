import type { AnalyticsGroup, AnalyticsReply, ScalingAdvice } from "@stream-control/protocol";
import type { FactFilter, FactGroup, FactRows } from "./fact-rows.js";
import { type Forecast, forecast, type NoForecast } from "./forecast.js";
import { charactersOf, HORIZONS, type Horizon, type Period, series, slotsBefore } from "./period.js";
import { recommend } from "./recommendations.js";
import { spreadOf } from "./statistics.js";

/** Of the newest so many jobs of a period, percentiles are reckoned; sums are of all. */
const LOOKED_AT = 10_000;
/** Parts of each kind that are listed. */
const LISTED = 50;
/** Counted among jobs as its own kind alone. */
const PART = "render_part";

export interface ReportDeps {
  rows: FactRows;
  /** Advice on the size of the fleet. */
  advice: (rooms: readonly string[] | null) => ScalingAdvice[];
  /** Moments at which jobs were submitted that have not ended. */
  open: (rooms: readonly string[] | null, kind: "render" | "stream" | undefined) => string[];
  isPredicting: () => boolean;
  now: () => Date;
}

export interface Asked {
  rooms: readonly string[] | null;
  period: Period;
  horizon: Horizon;
}

/** Reckons what happened in a period, what is to be expected, and what follows from both. */
export async function analyticsReply({ rooms, period, horizon }: Asked, deps: ReportDeps): Promise<AnalyticsReply> {
  const { rows, now, isPredicting } = deps;
  const timestamp = now();
  const since = new Date(timestamp.getTime() - period.ms).toISOString();
  const filter: FactFilter = { rooms, since };
  const byKind = (await rows.groups("kind", filter)).map(shown);
  const byTemplate = await named(rows, "template", filter);
  const byAgent = await named(rows, "agent_id", filter);
  const errors = await rows.groups("error_code", filter);
  const byError = errors.flatMap(({ key, failed }) =>
    key === null || failed === 0 ? [] : [{ code: key, count: failed }],
  );
  const metrics = await metricsOf(filter, period, rows);
  const advice = deps.advice(rooms);
  const expected = isPredicting()
    ? await demand({ rooms, horizon }, deps)
    : { reason: "Forecasts are switched off (analytics.predictionEnabled)." };
  return {
    ...{ timestamp: timestamp.toISOString(), period: period.words, since, performanceMetrics: metrics },
    now: {
      waiting: advice.reduce((sum, { waitingJobs }) => sum + waitingJobs, 0),
      running: advice.reduce((sum, { runningJobs }) => sum + runningJobs, 0),
    },
    ...{ byKind, byTemplate, byAgent, byError: byError.slice(0, LISTED) },
    predictions: "reason" in expected ? { demandForecast: null, reason: expected.reason } : told(expected, horizon),
    recommendations: recommend({ metrics, byAgent, byKind, byError, advice }),
  };
}

/** How many jobs are to be expected. */
export async function demand(
  { rooms, horizon, kind }: Pick<Asked, "rooms" | "horizon"> & { kind?: "render" | "stream" },
  { rows, open, now }: Pick<ReportDeps, "rows" | "open" | "now">,
): Promise<Forecast | NoForecast> {
  const { ahead, unit, history } = HORIZONS[horizon];
  const nowMs = now().getTime();
  const first = await rows.first(rooms);
  if (first === undefined) return { reason: "No job has ended yet." };
  const since = new Date(slotsBefore(nowMs, history, unit)).toISOString();
  const counts = await rows.arrivals({ rooms, since }, charactersOf(unit), kind);
  for (const createdAt of open(rooms, kind)) {
    const slot = createdAt.slice(0, charactersOf(unit));
    counts.set(slot, (counts.get(slot) ?? 0) + 1);
  }
  const fromMs = Math.max(Date.parse(since), Date.parse(first));
  return forecast(series(counts, fromMs, nowMs, unit), ahead, unit);
}

const told = (
  { predicted, low, high, coverage, backTests, error, method }: Forecast,
  horizon: Horizon,
): AnalyticsReply["predictions"] => ({
  demandForecast: {
    ...{ period: HORIZONS[horizon].words, predictedJobCount: predicted, low, high, confidence: coverage },
    ...{ backTests, meanError: error, method },
  },
});

async function metricsOf(
  filter: FactFilter,
  period: Period,
  rows: FactRows,
): Promise<AnalyticsReply["performanceMetrics"]> {
  const kinds = (await rows.groups("kind", filter)).filter(({ key }) => key !== PART);
  const sum = (of: (group: FactGroup) => number) => kinds.reduce((total, group) => total + of(group), 0);
  const { waits, processing } = await rows.durations(filter, LOOKED_AT);
  const [successfulJobs, failedJobs] = [sum(({ completed }) => completed), sum(({ failed }) => failed)];
  const processingTime = spreadOf(processing);
  return {
    ...{
      totalJobs: sum(({ total }) => total),
      successfulJobs,
      failedJobs,
      cancelledJobs: sum(({ cancelled }) => cancelled),
    },
    successRate: successfulJobs + failedJobs === 0 ? null : round(successfulJobs / (successfulJobs + failedJobs)),
    ...{ averageProcessingTime: processingTime?.average ?? null, processingTime, waitTime: spreadOf(waits) },
    throughput: round(sum(({ total }) => total) / (period.ms / 60_000)),
    resourceEfficiency: part(
      sum(({ cpuUsed }) => cpuUsed),
      sum(({ cpuReserved }) => cpuReserved),
    ),
  };
}

const named = async (rows: FactRows, by: "template" | "agent_id", filter: FactFilter): Promise<AnalyticsGroup[]> =>
  (await rows.groups(by, filter))
    .filter(({ key }) => key !== null)
    .slice(0, LISTED)
    .map(shown);

const shown = (group: FactGroup): AnalyticsGroup => ({
  ...{ key: group.key ?? "", totalJobs: group.total, successfulJobs: group.completed, failedJobs: group.failed },
  cancelledJobs: group.cancelled,
  averageProcessingTime: group.processingMs === null ? null : Math.round(group.processingMs),
  averageWaitTime: group.waitMs === null ? null : Math.round(group.waitMs),
  resourceEfficiency: part(group.cpuUsed, group.cpuReserved),
});

const part = (used: number, reserved: number): number | null => (reserved > 0 ? round(used / reserved) : null);
const round = (value: number): number => Math.round(value * 1000) / 1000;
