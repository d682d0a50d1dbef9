import { describe, expect, test } from "@jest/globals";
import { isActiveStatus, isFinalStatus, JOB_STATUSES } from "@stream-control/protocol";
import fc from "fast-check";
import type { JobRow } from "../store/tables.js";
import type { JobChange } from "./changes.js";
import { transition } from "./transitions.js";

const fresh: JobRow = {
  seq: 1,
  id: "job",
  room: "default",
  template_id: null,
  inline_config: "{}",
  config: null,
  own_source: null,
  status: "PENDING",
  wanted_status: "RUNNING",
  agent_id: null,
  epoch: 0,
  restarts: 0,
  not_before: null,
  created_at: "2026-01-01T00:00:00.000Z",
  updated_at: "2026-01-01T00:00:00.000Z",
  started_at: null,
  running_since: null,
  ended_at: null,
  error: null,
  reason: null,
  requested_by: null,
  idempotency_key: null,
  priority: "normal",
  placement: null,
  restart_policy: "never",
  restart_limits: null,
  on_disconnect: "continue",
  fenced: 0,
  moving: 0,
  stream_context: null,
  stream_metadata: null,
  metadata: null,
  progress: null,
  dismissed_at: null,
  schedule: null,
};

const reason = { code: "X", message: "Something happened.", fault: null };
const change: fc.Arbitrary<JobChange> = fc.oneof(
  fc
    .record({ agentId: fc.constantFrom("a", "b"), fenced: fc.boolean() })
    .map((given): JobChange => ({ type: "assigned", ...given })),
  fc.constantFrom("accepted", "starting", "running", "stopping").map((type): JobChange => ({ type })),
  fc
    .constantFrom("unassigned", "stopRequested", "moveRequested", "stopped", "lost")
    .map((type): JobChange => ({ type, reason })),
  fc.nat(20_000).map((heldMs): JobChange => ({ type: "unassigned", reason, heldMs })),
  fc
    .record({
      code: fc.constantFrom("FFMPEG_EXITED", "CONFIG_INVALID", "AGENT_OFFLINE", "STOP_FAILED", "JOB_LOST"),
      onlyIn: fc.option(fc.constantFrom(...JOB_STATUSES), { nil: undefined, freq: 4 }),
    })
    .map(
      ({ code, onlyIn }): JobChange => ({
        type: "failed",
        error: { code, message: "It failed." },
        fault: null,
        ...(onlyIn === undefined ? {} : { onlyIn }),
      }),
    ),
);

const history = fc.record({
  changes: fc.array(fc.record({ change, afterMs: fc.nat(120_000) }), { maxLength: 40 }),
  policy: fc.constantFrom<JobRow["restart_policy"]>("never", "onFailure"),
  random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
});

const restart = { maxRestarts: 3, baseMs: 1000, maxMs: 60_000, goodRunMs: 60_000 };

/** Every row that a job had, the first one included. */
function play({ changes, policy, random }: typeof history extends fc.Arbitrary<infer T> ? T : never): JobRow[] {
  const rows: JobRow[] = [{ ...fresh, restart_policy: policy }];
  let nowMs = Date.parse(fresh.created_at);
  for (const { change, afterMs } of changes) {
    nowMs += afterMs;
    const before = rows.at(-1) as JobRow;
    const step = transition(before, change, { now: new Date(nowMs), restart, random: () => random });
    if (step !== undefined) rows.push({ ...before, ...step.changes });
  }
  return rows;
}

const everyHistory = (holds: (rows: JobRow[]) => void) =>
  fc.assert(
    fc.property(history, (h) => holds(play(h))),
    { numRuns: 1500 },
  );
const pairs = (rows: JobRow[]) => rows.slice(1).map((after, n) => ({ before: rows[n] as JobRow, after }));

describe("whatever happens to a job, in whatever order", () => {
  test("a final status is never left, and ended_at is set once, with it", () => {
    everyHistory((rows) => {
      for (const { before, after } of pairs(rows)) {
        expect(isFinalStatus(before.status)).toBe(false);
        expect(after.ended_at !== null).toBe(isFinalStatus(after.status));
      }
    });
  });

  test("the epoch only grows, by one with each assignment", () => {
    everyHistory((rows) => {
      for (const { before, after } of pairs(rows))
        expect(after.epoch - before.epoch).toBe(after.status === "ASSIGNED" && before.status === "PENDING" ? 1 : 0);
    });
  });

  test("it has an agent exactly when one holds it or held it to its end", () => {
    everyHistory((rows) => {
      for (const { status, agent_id: agentId } of rows) {
        if (isActiveStatus(status)) expect(agentId).not.toBeNull();
        if (status === "PENDING" || status === "CANCELED") expect(agentId).toBeNull();
        if (status === "STOPPED") expect(agentId).not.toBeNull();
      }
      for (const { before, after } of pairs(rows))
        if (after.status === "FAILED") expect(after.agent_id).toBe(before.agent_id);
    });
  });

  test("once it is wanted stopped it never waits, starts or runs again", () => {
    everyHistory((rows) => {
      for (const { before, after } of pairs(rows)) {
        if (before.wanted_status !== "STOPPED") continue;
        expect(after.wanted_status).toBe("STOPPED");
        expect(["STOPPING", "STOPPED", "FAILED", "CANCELED"]).toContain(after.status);
      }
    });
  });

  test("it is held by a lease only while an agent has it, or while it waits for the end of that", () => {
    everyHistory((rows) => {
      for (const { before, after } of pairs(rows)) {
        if (after.status !== "PENDING") continue;
        expect(after.fenced === 1 && before.fenced === 0).toBe(false);
        if (after.fenced === 1) expect(after.not_before).not.toBeNull();
      }
    });
  });

  test("a move is over with the end, with the next wait for an agent that was reported, and with a new assignment", () => {
    everyHistory((rows) => {
      for (const { before, after } of pairs(rows)) {
        if (after.status === "ASSIGNED" || after.status === "RUNNING") expect(after.moving).toBe(0);
        // What an agent ends because it was told to let go of it is no end of the job.
        if (before.moving === 1 && before.wanted_status === "RUNNING") expect(after.status).not.toBe("STOPPED");
      }
    });
  });

  test("restarts follow the policy and its limit, and a paused job says until when", () => {
    everyHistory((rows) => {
      for (const { before, after } of pairs(rows)) {
        expect(after.restarts).toBeLessThanOrEqual(restart.maxRestarts);
        if (after.restarts !== before.restarts) {
          expect(after.restart_policy).toBe("onFailure");
          expect(after.status).toBe("PENDING");
          expect(Date.parse(after.not_before ?? "")).toBeGreaterThan(Date.parse(after.updated_at));
        }
        if (isActiveStatus(after.status)) expect(after.not_before).toBeNull();
      }
    });
  });

  test("times only go on, and started_at is the first moment of running", () => {
    everyHistory((rows) => {
      let started: string | null = null;
      for (const { before, after } of pairs(rows)) {
        expect(after.updated_at >= before.updated_at).toBe(true);
        if (started !== null) expect(after.started_at).toBe(started);
        if (after.status === "RUNNING") expect(after.started_at).not.toBeNull();
        started = after.started_at;
      }
    });
  });
});

test("every status that an agent holds can be left by its end, its failure and a stop", () => {
  for (const status of JOB_STATUSES.filter(isActiveStatus)) {
    const row: JobRow = { ...fresh, status, agent_id: "a", epoch: 1 };
    const context = { now: new Date(), restart, random: () => 0 };
    expect(transition(row, { type: "stopped", reason }, context)?.changes.status).toBe("STOPPED");
    expect(transition(row, { type: "stopRequested", reason }, context)?.changes.status).toBe("STOPPING");
    const failed: JobChange = { type: "failed", error: { code: "FFMPEG_EXITED", message: "x" }, fault: null };
    expect(transition(row, failed, context)?.changes.status).toBe("FAILED");
    expect(transition({ ...row, restart_policy: "onFailure" }, failed, context)?.changes.status).toBe("PENDING");
  }
});
