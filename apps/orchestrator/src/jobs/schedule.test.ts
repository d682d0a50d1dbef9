import { describe, expect, test } from "@jest/globals";
import { JOB_STATUSES, type JobSchedule } from "@stream-control/protocol";
import fc from "fast-check";
import { scheduleDue, toSchedule } from "./schedule.js";

const T = Date.parse("2026-01-01T12:00:00.000Z");
const at = (ms: number) => new Date(T + ms).toISOString();
const waiting = { status: "PENDING", wanted_status: "RUNNING", epoch: 0, started_at: null } as const;
const running = { status: "RUNNING", wanted_status: "RUNNING", epoch: 1, started_at: at(0) } as const;
const schedule = (given: Partial<JobSchedule>): JobSchedule => ({
  ...{ startAt: null, stopAt: null, stopAfterMinutes: null },
  ...given,
});

describe("a schedule", () => {
  test("holds a job until its start, and looks again then, or at its stop", () => {
    const given = schedule({ startAt: at(1000), stopAt: at(5000) });
    expect(scheduleDue(waiting, given, T)).toEqual({ do: "wait", isHeld: true, untilMs: T + 1000 });
    expect(scheduleDue(waiting, given, T + 1000)).toEqual({ do: "wait", isHeld: false, untilMs: T + 5000 });
    // A start that was missed is made up for; one that came by hand is not asked about again.
    expect(scheduleDue(waiting, given, T + 4999)).toEqual({ do: "wait", isHeld: false, untilMs: T + 5000 });
    expect(scheduleDue({ ...waiting, epoch: 1 }, given, T)).toEqual({ do: "wait", isHeld: false, untilMs: T + 5000 });
  });

  test("stops a job at the first of its stops, and says of one that never ran that it was missed", () => {
    const given = schedule({ stopAt: at(120_000), stopAfterMinutes: 1 });
    expect(scheduleDue(running, given, T)).toEqual({ do: "wait", isHeld: false, untilMs: T + 60_000 });
    expect(scheduleDue(running, given, T + 60_000)).toMatchObject({ do: "stop", reason: { code: "SCHEDULED_STOP" } });
    // It counts from the first moment of running.
    expect(scheduleDue(waiting, given, T + 60_000)).toEqual({ do: "wait", isHeld: false, untilMs: T + 120_000 });
    const missed = scheduleDue(waiting, given, T + 120_000);
    expect(missed).toMatchObject({ do: "stop", reason: { code: "SCHEDULE_MISSED", fault: null } });
  });

  test("asks nothing of a job that has ended or is to stop already", () => {
    const given = schedule({ startAt: at(1), stopAt: at(2), stopAfterMinutes: 1 });
    const nothing = { do: "wait", isHeld: false, untilMs: undefined };
    for (const status of ["STOPPED", "FAILED", "CANCELED"] as const)
      expect(scheduleDue({ ...running, status }, given, T + 1e9)).toEqual(nothing);
    expect(scheduleDue({ ...running, status: "STOPPING", wanted_status: "STOPPED" }, given, T + 1e9)).toEqual(nothing);
  });

  test("never holds and stops at once, and what it waits for is to come", () => {
    const moment = fc.option(
      fc.integer({ min: -1e7, max: 1e13 }).map((ms) => at(ms)),
      { nil: null },
    );
    const given = fc.record({
      startAt: moment,
      stopAt: moment,
      stopAfterMinutes: fc.option(fc.double({ min: 0.001, max: 525_600, noNaN: true }), { nil: null }),
    });
    const job = fc.record({
      status: fc.constantFrom(...JOB_STATUSES),
      wanted_status: fc.constantFrom("RUNNING" as const, "STOPPED" as const),
      epoch: fc.nat(2),
      started_at: fc.constantFrom(null, at(0)),
    });
    fc.assert(
      fc.property(job, given, fc.integer({ min: 0, max: 1e12 }), (row, times, ms) => {
        const due = scheduleDue(row, times, T + ms);
        if (due.do === "stop") expect(due.reason.message).toMatch(/^The job was to/);
        else if (due.untilMs === undefined) expect(due.isHeld).toBe(false);
        else expect(due.untilMs).toBeGreaterThan(T + ms);
      }),
    );
  });

  test("is kept in UTC, and is none where nothing is asked for", () => {
    expect(toSchedule({ startAt: "2026-01-01T13:00:00+01:00" })).toEqual(schedule({ startAt: at(0) }));
    for (const nothing of [undefined, null, {}, { startAt: null, stopAt: null, stopAfterMinutes: null }])
      expect(toSchedule(nothing)).toBeNull();
  });
});
