import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { silentLogger } from "@stream-control/service-kit";
import { EventLog } from "@stream-control/service-kit/audit";
import { ownKeyRing } from "@stream-control/service-kit/secrets";
import { temporaryFolder, waitFor } from "@stream-control/test-kit";
import type { Database } from "../src/store/open.js";
import { openDatabase } from "../src/store/open.js";
import type { StepDefinition, WorkflowDefinition } from "../src/workflows/definition.js";
import { WorkflowEngine } from "../src/workflows/engine.js";
import { StepError, type StepHandler, type WorkflowKind } from "../src/workflows/kind.js";
import type { WorkflowRun } from "../src/workflows/run.js";
import { RunRows } from "../src/workflows/run-rows.js";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let database: Database;
let engine: WorkflowEngine;
/** What handlers and compensations did, in order. */
let done: string[];
beforeEach(async () => {
  folder = await temporaryFolder();
  database = await openDatabase({ dataDir: folder.path, ring: ownKeyRing(folder.path), logger: silentLogger() });
  done = [];
});
afterEach(async () => {
  await engine.stop();
  await database.store.close();
  await folder.remove();
});

/** An engine over the same database; one that was there before is left as a process leaves it that is killed. */
function open(handlers: Record<string, StepHandler>, more: Partial<WorkflowKind> = {}): WorkflowEngine {
  const { store, sealed } = database;
  const log = new EventLog({ store });
  const rows = new RunRows(store, sealed, "test");
  engine = new WorkflowEngine({ store, rows, log, logger: silentLogger(), now: () => new Date() });
  const undo = async ({ unit }: { unit: string }) => {
    done.push(`undo ${unit}`);
  };
  engine.register("test", { handlers: { note, ...handlers }, compensations: { undo }, ...more });
  return engine;
}

const note: StepHandler = async ({ unit, key }) => {
  done.push(unit);
  return { output: { key } };
};

const step = (name: string, after: string[] = [], more: Partial<StepDefinition> = {}): StepDefinition => ({
  ...{ name, kind: "note", after },
  ...more,
});
const flow = (steps: StepDefinition[], more: Partial<WorkflowDefinition> = {}): WorkflowDefinition => ({
  ...{ name: "test", timeoutMs: 60_000, steps },
  ...more,
});
let count = 0;
async function start(definition: WorkflowDefinition, facts: Record<string, boolean> = {}): Promise<WorkflowRun> {
  count += 1;
  const id = `run-${count}`;
  const given = { id, key: `test:${id}`, kind: "test", room: "default", definition, input: { n: count }, facts };
  const entry = { type: "workflow.started", message: "It was started." };
  return (await engine.start({ ...given, requestedBy: null }, entry)).run;
}
const ended = ({ id }: WorkflowRun) =>
  waitFor(async () => {
    const run = await engine.byId(id);
    return run?.endedAt == null ? undefined : run;
  });

test("steps that wait for nothing of each other run at the same time, and conditions leave steps out", async () => {
  const both = Promise.withResolvers<void>();
  let here = 0;
  open({
    meet: async ({ unit }) => {
      done.push(unit);
      here += 1;
      if (here === 2) both.resolve();
      // Each ends only once the other has begun.
      await both.promise;
      return { facts: { met: true } };
    },
  });
  const run = await start(
    flow([
      step("first"),
      step("left", ["first"], { kind: "meet" }),
      step("right", ["first"], { kind: "meet" }),
      step("wanted", ["left", "right"], { when: "met" }),
      step("unwanted", ["left", "right"], { when: "!met" }),
      step("last", ["wanted", "unwanted"]),
    ]),
  );
  const { state } = await ended(run);
  expect([state.status, state.steps.unwanted?.status]).toEqual(["completed", "skipped"]);
  expect([done.slice(0, 1), done.slice(1, 3).sort(), done.slice(3)]).toEqual([
    ["first"],
    ["left", "right"],
    ["wanted", "last"],
  ]);
});

test("a step is tried again after growing pauses; when it fails for good, what acted is taken back, the last first", async () => {
  const moments: number[] = [];
  open({
    fail: async () => {
      moments.push(performance.now());
      throw new StepError({ code: "BROKEN", message: "It is broken." }, true);
    },
  });
  const undone = { compensate: "undo" };
  const run = await start(
    flow([
      step("a", [], undone),
      step("b", ["a"], undone),
      step("c", ["b"], { kind: "fail", ...undone, retry: { retries: 2, backoffMs: 40, factor: 4 } }),
      step("never", ["c"], undone),
      step("final", ["never"], { final: true }),
    ]),
  );
  const { state } = await ended(run);
  expect([state.status, state.error?.code, state.steps.never?.status]).toEqual(["failed", "BROKEN", "cancelled"]);
  expect(done).toEqual(["a", "b", "undo c", "undo b", "undo a", "final"]);
  const pauses = moments.slice(1).map((at, index) => at - (moments[index] ?? 0));
  expect(pauses).toHaveLength(2);
  // Equal jitter: between half and the whole of 40 ms, then of 160 ms; a timer may be a millisecond early.
  expect(pauses[0]).toBeGreaterThanOrEqual(19);
  expect(pauses[1]).toBeGreaterThanOrEqual(79);
});

test("a step that takes too long is told to end, and a run that does is ended, unless it is given other limits", async () => {
  const late: StepHandler = ({ signal }) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  const gate = Promise.withResolvers<undefined>();
  open(
    { late, gated: () => gate.promise },
    { relax: async () => ({ limits: "larger", timeoutMs: 60_000, relaxAfterMs: null }) },
  );
  const slow = await ended(await start(flow([step("slow", [], { kind: "late", timeoutMs: 30 })])));
  expect(slow.state.error?.code).toBe("STEP_TIMEOUT");
  const long = await ended(await start(flow([step("long", [], { kind: "late" })], { timeoutMs: 30 })));
  expect([long.state.status, long.state.error?.code]).toEqual(["failed", "WORKFLOW_TIMEOUT"]);

  const relaxed = await start(flow([step("gated", [], { kind: "gated" })], { timeoutMs: 60, relaxAfterMs: 30 }));
  await waitFor(async () => (await engine.byId(relaxed.id))?.state.limits === "larger");
  gate.resolve(undefined);
  expect((await ended(relaxed)).state).toMatchObject({ status: "completed", limits: "larger", timeoutMs: 60_000 });
});

test("what waits for somebody else has all the time that it takes", async () => {
  const gate = Promise.withResolvers<void>();
  open({
    carry: async ({ enter }) => {
      await gate.promise;
      enter("work");
      return {};
    },
  });
  const group = { group: "carried", kind: "carry" };
  const steps = [step("wait", [], { ...group, waits: true }), step("work", ["wait"], group)];
  const run = await start(flow(steps, { timeoutMs: 20 }));
  const begun = performance.now();
  await waitFor(() => performance.now() - begun > 100);
  gate.resolve();
  expect((await ended(run)).state.status).toBe("completed");
});

test("another process takes up what was under way by the same key, and does nothing again that was done", async () => {
  const keys: string[] = [];
  const hang: StepHandler = ({ key }) => {
    keys.push(key);
    return new Promise(() => {});
  };
  const first = open({ hang });
  const run = await start(flow([step("a"), step("b", ["a"], { kind: "hang" }), step("c", ["b"])]));
  await waitFor(() => keys.length === 1);
  const written = await first.byId(run.id);
  expect(written?.outputs.a).toEqual({ key: `${run.id}:a:1` });

  open({
    hang: async ({ key, output, input }) => {
      keys.push(key);
      return { output: { a: output("a")?.key, n: (await input()).n } };
    },
  });
  await engine.load();
  const { state, outputs } = await ended(run);
  expect(state.status).toBe("completed");
  expect(keys).toEqual([`${run.id}:b:1`, `${run.id}:b:1`]);
  expect(outputs.b).toEqual({ a: `${run.id}:a:1`, n: count });
  expect(done).toEqual(["a", "c"]);
  await first.stop();
});

test("a run keeps the definition that it was started with, and one that this version cannot do fails in words", async () => {
  open({});
  const run = await start(flow([step("a", [], { kind: "gone" })]));
  const { state, definition } = await ended(run);
  expect([state.error?.code, definition.steps[0]?.kind]).toEqual(["STEP_UNKNOWN", "gone"]);
});

test("what a step writes with its end is written once, and what a run is about is encrypted", async () => {
  const { store } = database;
  const write = async () => {
    const id = crypto.randomUUID();
    const subject = "test:once";
    return {
      output: { secret: "never-to-be-read" },
      alongside: async (tx: Parameters<Parameters<typeof store.write>[0]>[0]) => {
        const by = { actor: "system" };
        await new EventLog({ store }).append(tx, { by, subject, type: "test.written", message: id });
      },
    };
  };
  open({ write });
  await ended(await start(flow([step("a", [], { kind: "write", joins: true }), step("b", ["a"], { joins: true })])));
  const events = await store.db.selectFrom("events").select("type").where("subject", "=", "test:once").execute();
  expect(events).toHaveLength(1);
  const rows = [
    ...(await store.db.selectFrom("workflow_runs").selectAll().execute()),
    ...(await store.db.selectFrom("workflow_steps").selectAll().execute()),
  ];
  expect(JSON.stringify(rows)).not.toMatch(/never-to-be-read|"n":/);
});

test("old runs are deleted with their steps, and those that have not ended stay", async () => {
  open({ hang: () => new Promise(() => {}) });
  const over = await ended(await start(flow([step("a")])));
  const open_ = await start(flow([step("a", [], { kind: "hang" })]));
  expect(await engine.prune(new Date(Date.parse(over.endedAt ?? "") + 1))).toBe(1);
  expect([await engine.byId(over.id), (await engine.byId(open_.id))?.id]).toEqual([undefined, open_.id]);
  const steps = await database.store.db.selectFrom("workflow_steps").select("run_id").execute();
  expect(steps).toEqual([{ run_id: open_.id }]);
});
