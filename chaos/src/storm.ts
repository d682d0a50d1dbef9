import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { LogHead } from "@stream-control/protocol";
import { runnersIn, signal, waitFor } from "@stream-control/test-kit";
import { Breaker } from "./breaker.js";
import { Api } from "./customers/api.js";
import { Customers } from "./customers/customers.js";
import { Fleet } from "./fleet/fleet.js";
import { type FaultKind, planFaults } from "./plan/faults.js";
import { planErrands, streamJob } from "./plan/work.js";
import { Random } from "./random.js";
import { checkLightRuns, checkPublishers } from "./verdict/doubles.js";
import type { Finding } from "./verdict/finding.js";
import { type Interruption, longestInterruption } from "./verdict/interruptions.js";
import { checkChain, checkHistory, checkNumbers, checkOrders } from "./verdict/log.js";
import { unsettled, type View } from "./verdict/stuck.js";

export interface StormOptions {
  seed: number;
  seconds: number;
  /** The kinds of faults that may come; all of them unless given. */
  only?: readonly FaultKind[] | undefined;
  /** An empty folder for everything that the processes write. */
  folder: string;
  /** A free port for the orchestrator. */
  port: number;
  /** The environment of every process. */
  env: Record<string, string>;
  say: (line: string) => void;
  /** Ends the run at once, and every process with it. */
  signal: AbortSignal;
}

export interface StormReport {
  faults: number;
  jobs: number;
  findings: Finding[];
  interruption: Interruption | undefined;
}

const ENCODERS = 3;
const STAND_IN_PROCESSES = 2;
/** Streams on the three slots of each of the three encoders: there is room where one of them is down. */
const STREAMS = 4;
const WARM_UP_MS = 60_000;
/** After everything has been healed: longest restart pause, avoided agents, reconnects. */
const QUIET_MS = 60_000;
const END_MS = 30_000;

/** One run: start everything, break it for a while, heal it, look from outside whether all promises were kept. */
export async function runStorm(options: StormOptions): Promise<StormReport> {
  const { folder, port, env } = options;
  const api = new Api(port);
  const fleet = await Fleet.open({ folder, port, api, env, encoders: ENCODERS, standInProcesses: STAND_IN_PROCESSES });
  try {
    return await Promise.race([play(options, api, fleet), interruptionOf(options.signal)]);
  } finally {
    await fleet.close();
    for (const { pid } of await runnersIn(folder)) signal(-pid, "SIGKILL");
  }
}

async function play(options: StormOptions, api: Api, fleet: Fleet): Promise<StormReport> {
  const { folder, say } = options;
  await fleet.start();
  const drainable = fleet.encoders.flatMap(({ agentIds }) => agentIds);
  const customers = new Customers(api, (stream) => fleet.rtmp.url(stream), drainable);
  const breaker = new Breaker(fleet, say);
  const random = new Random(options.seed);
  const look = (): Promise<View> => viewOf(api, fleet, customers);
  for (let number = 0; number < STREAMS; number += 1) customers.run(streamJob(random, 0));
  await customers.settled(WARM_UP_MS);
  const [notUp] = await untilQuiet(look, WARM_UP_MS);
  if (notUp !== undefined) throw new Error(`Before anything was broken, ${notUp.about} did not come up: ${notUp.what}`);

  const headBefore = await api.head();
  say("the storm begins");
  const began = Date.now();
  await rage(random, options, breaker, customers);
  say("the storm is over, everything is healed");
  await breaker.end();
  await fleet.heal();
  await customers.settled(QUIET_MS);
  customers.endDrains();
  await customers.settled(QUIET_MS);
  const findings = await untilQuiet(look, QUIET_MS);
  const quietAt = Date.now();

  customers.stopAll();
  await customers.settled(END_MS);
  findings.push(...(await untilQuiet(look, END_MS)), ...(await orphans(folder)));
  const view = await look();
  const judged = await judge(view, api, breaker, { quietAt, headBefore }, findings);
  if (judged.interruption !== undefined) await tell(judged.interruption, began, view, api, say);
  return { ...judged, faults: breaker.injected };
}

/** Rejects when the signal comes. */
async function interruptionOf(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, "abort");
  throw new Error("The storm was interrupted; everything that it had started has been ended.");
}

/** Says when the longest interruption was, and what the log has of its job. */
async function tell(
  { streamPath, from, ms }: Interruption,
  began: number,
  { orders }: View,
  api: Api,
  say: (line: string) => void,
): Promise<void> {
  const at = (moment: number) => `${((moment - began) / 1000).toFixed(1)} s`;
  say(`the longest interruption: ${streamPath} from ${at(from)} to ${at(from + ms)}; its job:`);
  const { jobId } = orders.find((order) => order.streamPath === streamPath) ?? {};
  if (jobId === undefined) return;
  for (const { ts, type, message, data } of await api.events(jobId))
    say(`  ${at(Date.parse(ts))} ${type}: ${message} ${JSON.stringify(data ?? {})}`);
}

/** Faults and errands, each at its time. */
async function rage(
  random: Random,
  { seconds, only }: StormOptions,
  breaker: Breaker,
  customers: Customers,
): Promise<void> {
  const stormMs = seconds * 1000;
  const faults = planFaults(random, stormMs, only).map((fault) => ({
    at: fault.atMs,
    run: () => breaker.begin(fault),
  }));
  const errands = planErrands(random, stormMs).map((errand) => ({ at: errand.atMs, run: () => customers.run(errand) }));
  const start = performance.now();
  for (const { at, run } of [...faults, ...errands].sort((a, b) => a.at - b.at)) {
    await delay(Math.max(0, start + at - performance.now()));
    run();
  }
  await delay(Math.max(0, start + stormMs - performance.now()));
}

async function viewOf(api: Api, fleet: Fleet, { orders }: Customers): Promise<View> {
  const [jobs, agents, lightRuns] = await Promise.all([api.jobs(), api.agents(), fleet.lightRuns()]);
  return { now: Date.now(), orders, jobs, agents, lightRuns, agentIds: fleet.agentIds, sessions: fleet.rtmp.sessions };
}

/** @returns what still was not at rest at the deadline. */
async function untilQuiet(look: () => Promise<View>, deadlineMs: number): Promise<Finding[]> {
  let last: Finding[] = [];
  try {
    await waitFor(
      async () => {
        last = unsettled(await look());
        return last.length === 0;
      },
      { deadlineMs, everyMs: 250, what: "quiet" },
    );
  } catch (cause) {
    if (last.length === 0) throw cause;
  }
  return last;
}

/** Runners that go on although every job has ended. */
async function orphans(folder: string): Promise<Finding[]> {
  try {
    await waitFor(async () => (await runnersIn(folder)).length === 0, { deadlineMs: END_MS, everyMs: 250 });
    return [];
  } catch {
    const left = await runnersIn(folder);
    return left.map(({ pid }) => ({ kind: "stuck", about: `runner ${pid}`, what: "It goes on without a job." }));
  }
}

async function judge(
  { now, orders, jobs, sessions, lightRuns }: View,
  api: Api,
  { harms }: Breaker,
  { quietAt, headBefore }: { quietAt: number; headBefore: LogHead },
  findings: Finding[],
): Promise<Omit<StormReport, "faults">> {
  const eventsOf = new Map(await Promise.all(jobs.map(async ({ id }) => [id, await api.events(id)] as const)));
  findings.push(
    ...checkOrders(orders, jobs, eventsOf, harms),
    ...jobs.flatMap((job) => checkHistory(job, eventsOf.get(job.id) ?? [])),
    ...checkNumbers(await api.log()),
    ...checkChain(await api.verify(headBefore)),
    ...checkLightRuns(lightRuns, now),
    ...checkPublishers(sessions),
  );
  const failed = new Set(jobs.flatMap(({ id, status }) => (status === "FAILED" ? [id] : [])));
  const expected = orders.flatMap(({ streamPath, jobId, stopAskedAt }) => {
    if (streamPath === undefined || jobId === undefined) return [];
    // The failure of a job that may not be restarted is its end, not an interruption.
    const lastMedia = Math.max(
      0,
      ...sessions.flatMap((one) => (one.streamPath === streamPath ? one.spans : [])).map(({ to }) => to),
    );
    return [{ streamPath, until: Math.min(stopAskedAt ?? quietAt, quietAt, failed.has(jobId) ? lastMedia : quietAt) }];
  });
  return { jobs: jobs.length, findings, interruption: longestInterruption(expected, sessions) };
}
