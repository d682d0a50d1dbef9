import { describe, expect, it } from "@jest/globals";
import type { JobEvent, JobRecord } from "@stream-control/protocol";
import type { PublisherSession } from "@stream-control/test-kit";
import type { Order } from "../src/customers/customers.js";
import { type JournalLine, type LightRun, runsOf } from "../src/fleet/journal.js";
import { checkLightRuns, checkPublishers } from "../src/verdict/doubles.js";
import { longestInterruption } from "../src/verdict/interruptions.js";
import { checkChain, checkHistory, checkNumbers, checkOrders } from "../src/verdict/log.js";
import { unsettled, type View } from "../src/verdict/stuck.js";

const AT = "2026-01-01T00:00:10.000Z";
const time = Date.parse(AT);
const job = (over: Partial<JobRecord> = {}): JobRecord =>
  ({
    ...{ id: "j1", idempotencyKey: "k1", status: "RUNNING", agentId: "a1", epoch: 1, reason: null },
    ...{ pendingReason: null, createdAt: AT, updatedAt: AT, endedAt: null, ...over },
  }) as JobRecord;
const order = (over: Partial<Order> = {}): Order => ({
  ...{ key: "k1", kind: "light", streamPath: undefined, finite: false, restart: false, jobId: "j1" },
  ...{ stopAskedAt: undefined, stopAcknowledgedAt: undefined, ...over },
});
const event = (type: string, seq: number, data?: JobEvent["data"]): JobEvent => ({
  ...{ seq, jobId: "j1", type, message: "", ts: AT },
  ...(data === undefined ? {} : { data }),
});
const assigned = (seq: number, epoch: number) => event("job.assigned", seq, { agentId: "a1", epoch });
const publisher = (since: number, ...spans: [from: number, to: number][]): PublisherSession => ({
  ...{ streamPath: "/live/x", since, refused: false },
  spans: spans.map(([from, to]) => ({ from, to })),
});
const kinds = (findings: { kind: string }[]) => findings.map(({ kind }) => kind);

describe("the log", () => {
  it("passes a whole one, and finds a gap and a number that is there twice", () => {
    const log = [1, 2, 3].map((seq) => ({ seq }));
    const problem = { seq: 2, kind: "altered", message: "The entry 2 is not what its hash says." } as const;
    expect(checkChain({ problems: [] })).toEqual([]);
    expect(checkChain({ problems: [problem] })).toMatchObject([{ kind: "lost", what: problem.message }]);
    expect(checkNumbers(log)).toEqual([]);
    expect(checkNumbers(log.slice(1))).toMatchObject([{ kind: "lost" }]);
    expect(checkNumbers([...log, { seq: 3 }])).toMatchObject([{ kind: "doubled" }]);
  });

  it("finds a second end, anything after an end, an end that is missing or untrue, and a doubled epoch", () => {
    const ended = job({ status: "STOPPED" });
    expect(checkHistory(ended, [assigned(1, 1), event("job.stopped", 2)])).toEqual([]);
    expect(kinds(checkHistory(ended, [event("job.stopped", 1), event("job.failed", 2)]))).toContain("doubled");
    expect(kinds(checkHistory(ended, [event("job.stopped", 1), event("job.running", 2)]))).toEqual(["doubled"]);
    expect(kinds(checkHistory(ended, [assigned(1, 1)]))).toEqual(["lost"]);
    expect(kinds(checkHistory(job(), [event("job.stopped", 1)]))).toEqual(["doubled"]);
    expect(kinds(checkHistory(job(), [assigned(1, 1), assigned(2, 1)]))).toEqual(["doubled"]);
  });

  it("finds an order that is not there, is there twice, or ended against its customer's will", () => {
    const check = (one: Order, jobs: JobRecord[], harmTo?: number) =>
      kinds(
        checkOrders(
          [one],
          jobs,
          new Map([["j1", [assigned(1, 1)]]]),
          harmTo === undefined ? [] : [{ agentIds: ["a1"], from: time - 1, to: harmTo }],
        ),
      );
    const failed = job({ status: "FAILED", endedAt: AT });
    expect(check(order(), [job()])).toEqual([]);
    expect(check(order({ jobId: undefined }), [])).toEqual([]);
    expect(check(order(), [])).toEqual(["lost"]);
    expect(check(order(), [job(), job({ id: "j2" })])).toEqual(["doubled"]);
    expect(check(order(), [job({ status: "STOPPED" })])).toEqual(["lost"]);
    expect(check(order({ stopAskedAt: time }), [job({ status: "STOPPED" })])).toEqual([]);
    expect(check(order({ finite: true }), [job({ status: "STOPPED" })])).toEqual([]);
    expect(check(order(), [failed])).toEqual(["lost"]);
    expect(check(order(), [failed], time)).toEqual([]);
    expect(check(order({ restart: true }), [failed], time)).toEqual(["lost"]);
  });
});

describe("who pushes", () => {
  it("finds two stand-ins at one job, but not one after the other", () => {
    const run = (agentId: string, epoch: number, from: number, to?: number): LightRun => ({
      ...{ jobId: "j1", epoch, agentId, from, to },
    });
    expect(checkLightRuns([run("a1", 1, 0, 100), run("a2", 2, 100)], 500)).toEqual([]);
    expect(checkLightRuns([run("a2", 2, 99), run("a1", 1, 0, 100)], 500)).toMatchObject([{ about: "j1" }]);
    expect(checkLightRuns([run("a1", 1, 0), run("a2", 2, 499)], 500)).toHaveLength(1);
  });

  it("ends the runs of a killed stand-in at its death", () => {
    const line = (what: JournalLine["what"], epoch: number, at: number): JournalLine => ({
      ...{ what, jobId: "j1", epoch, agentId: "a1", at },
    });
    const lines = [line("start", 1, 10), line("end", 1, 20), line("start", 2, 30)];
    expect(runsOf(lines, 90).map(({ to }) => to)).toEqual([20, 90]);
    expect(runsOf(lines, undefined).map(({ to }) => to)).toEqual([20, undefined]);
  });

  it("finds a publisher that goes on beside a second one, but forgives last bytes", () => {
    expect(checkPublishers([publisher(0, [0, 5000]), publisher(5000, [5100, 9000])])).toEqual([]);
    expect(checkPublishers([publisher(0, [0, 5900]), publisher(5000, [5100, 9000])])).toEqual([]);
    expect(checkPublishers([publisher(5000, [5100, 9000]), publisher(0, [0, 6100])])).toMatchObject([
      { kind: "doubled", about: "/live/x" },
    ]);
  });
});

describe("the longest interruption", () => {
  it("is measured over all publishers of a stream, until it was to end", () => {
    const sessions = [publisher(0, [1000, 2000], [2600, 3000]), publisher(4000, [4500, 6000])];
    expect(longestInterruption([{ streamPath: "/live/x", until: 6000 }], sessions)).toMatchObject({
      ms: 1500,
      from: 3000,
    });
    expect(longestInterruption([{ streamPath: "/live/x", until: 9000 }], sessions)).toMatchObject({ ms: 3000 });
    expect(longestInterruption([{ streamPath: "/live/x", until: 2000 }], sessions)).toBeUndefined();
    expect(longestInterruption([{ streamPath: "/live/none", until: 2000 }], sessions)).toBeUndefined();
  });
});

describe("what is not at rest", () => {
  const view = (over: Partial<View>): View => ({
    ...{ now: time, orders: [order()], jobs: [job()], agents: [], agentIds: [], sessions: [], lightRuns: [], ...over },
  });
  const run: LightRun = { jobId: "j1", epoch: 1, agentId: "a1", from: 0, to: undefined };

  it("is an agent that is away and a job that waits, stops for ever, or is pushed by nobody", () => {
    expect(unsettled(view({ lightRuns: [run] }))).toEqual([]);
    expect(unsettled(view({ orders: [], agentIds: ["a9"] }))).toMatchObject([{ about: "a9" }]);
    expect(unsettled(view({}))).toMatchObject([{ kind: "stuck", about: "j1" }]);
    expect(unsettled(view({ lightRuns: [{ ...run, epoch: 2 }] }))).toHaveLength(1);
    expect(unsettled(view({ lightRuns: [run], jobs: [job({ status: "PENDING" })] }))).toHaveLength(1);
    expect(unsettled(view({ lightRuns: [run], orders: [order({ stopAskedAt: 1 })] }))).toHaveLength(1);
    expect(unsettled(view({ lightRuns: [run], orders: [order({ finite: true })] }))).toHaveLength(1);
    expect(unsettled(view({ jobs: [job({ status: "STOPPED" })] }))).toEqual([]);
  });

  it("is a stream of which nothing has arrived lately", () => {
    const stream = order({ kind: "stream", streamPath: "/live/x" });
    const sessions = (to: number) => [publisher(0, [0, to])];
    expect(unsettled(view({ orders: [stream], sessions: sessions(time - 1000) }))).toEqual([]);
    expect(unsettled(view({ orders: [stream], sessions: sessions(time - 2000) }))).toHaveLength(1);
  });
});
