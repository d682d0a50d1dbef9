import { describe, expect, jest, test } from "@jest/globals";
import { type StreamConfigInput, streamConfigSchema } from "@stream-control/protocol";
import { waitFor } from "@stream-control/test-kit";
import fc from "fast-check";
import { stallFault } from "../../src/runner/encode-errors.js";
import { JobWatch } from "../../src/runner/job-watch.js";
import { Lease } from "../../src/runner/lease.js";
import { type AirFacts, slateMayBeNeeded, wantedOnAir } from "../../src/runner/on-air.js";
import { RestartGuard } from "../../src/runner/restart-guard.js";
import { HEALTH_EVENTS, type Health, isUsable, nextHealth } from "../../src/runner/source-health.js";
import { SourceMonitor } from "../../src/runner/source-monitor.js";
import { SpeedMeter } from "../../src/runner/speed-meter.js";
import { Sustained } from "../../src/runner/sustained.js";
import { UsageMeter } from "../../src/runner/usage-meter.js";

const healthEvent = fc.constantFrom(...HEALTH_EVENTS);

describe("the health of a source", () => {
  test("is good only after trust was earned since the last loss, and down exactly while nothing runs", () => {
    fc.assert(
      fc.property(fc.array(healthEvent, { maxLength: 60 }), (events) => {
        let health: Health = "down";
        // The model: whether an encoder runs, whether pictures came since it began or was lost, whether they earned trust.
        const model = { running: false, pictures: false, trusted: false };
        for (const event of events) {
          const before = health;
          health = nextHealth(health, event);
          if (event === "start" && !model.running)
            Object.assign(model, { running: true, pictures: false, trusted: false });
          if (event === "exit") Object.assign(model, { running: false, pictures: false, trusted: false });
          if (event === "frame" && model.running) model.pictures = true;
          if (event === "trust" && model.pictures) model.trusted = true;
          if ((event === "miss" || event === "bad") && model.pictures)
            Object.assign(model, { pictures: false, trusted: false });
          expect(health === "down").toBe(!model.running);
          expect(isUsable(health)).toBe(model.trusted);
          if (event === "falter") expect([before, before === "good" ? "faltering" : before]).toContain(health);
        }
        // Whatever happened, pictures and time bring it back.
        for (const event of ["start", "frame", "trust"] as const) health = nextHealth(health, event);
        expect(isUsable(health)).toBe(true);
      }),
    );
  });
});

describe("what is on air", () => {
  const step = fc.oneof(
    fc.record({ who: fc.constantFrom("program" as const, "backup" as const), event: healthEvent }),
    fc.record({ who: fc.constant("pause" as const), event: fc.boolean() }),
    fc.record({ who: fc.constant("hold" as const), event: fc.boolean() }),
  );

  test("follows from the sources and the operator, whatever happens in whatever order", () => {
    const settings = fc.record({
      pauseTo: fc.constantFrom("slate" as const, "nothing" as const),
      hasBackup: fc.boolean(),
    });
    fc.assert(
      fc.property(settings, fc.array(step, { maxLength: 60 }), ({ pauseTo, hasBackup }, steps) => {
        const facts: AirFacts = {
          ...{ paused: false, pauseTo, heldBack: false, begun: false },
          ...{ program: "down", backup: hasBackup ? "down" : undefined },
        };
        for (const { who, event } of steps) {
          if (who === "pause") facts.paused = event;
          else if (who === "hold") facts.heldBack = event;
          else if (who === "program") facts.program = nextHealth(facts.program, event);
          else if (facts.backup !== undefined) facts.backup = nextHealth(facts.backup, event);
          const wanted = wantedOnAir(facts);
          if (wanted !== undefined && wanted !== "nothing") facts.begun = true;
          // Viewers who saw something once always get something, unless the operator wants nothing.
          if (facts.begun) expect(wanted).toBeDefined();
          expect(wanted === "paused" || wanted === "nothing").toBe(facts.paused);
          if (facts.paused) continue;
          const free = isUsable(facts.program) && !facts.heldBack;
          expect(wanted === "program").toBe(free);
          expect(wanted === "backup").toBe(!free && isUsable(facts.backup));
          // A slate is made ready for a reason only.
          if (slateMayBeNeeded(facts)) expect([facts.program, facts.backup]).toContain("faltering");
        }
      }),
    );
  });
});

describe("whose fault a stall is", () => {
  const usage = (cpuMs: number, state = "S") => ({ cpuMs, memoryMiB: 1, state });
  const camera = { type: "rtmp", url: "rtmp://h/a/k", listen: false } as const;
  const stall = { afterMs: 10_000, before: usage(1000), after: usage(1200) };
  test.each([
    ["an idle encoder waits for its source", camera, stall, "source"],
    ["a busy one hangs", camera, { ...stall, after: usage(9000, "R") }, "encoder"],
    ["one that was stopped did it itself", camera, { ...stall, after: usage(1000, "T") }, "encoder"],
    ["where nothing can be measured, the network is likelier", camera, { ...stall, after: undefined }, "source"],
    [
      "a test picture never starves anybody",
      { type: "test", pattern: "testsrc2", toneHz: 0 } as const,
      stall,
      "encoder",
    ],
  ] as const)("%s", (_, source, measured, fault) => {
    expect(stallFault(source, measured)).toBe(fault);
  });
});

describe("a lease", () => {
  test("holds exactly as long as it was given or renewed for, and never again after", () => {
    const action = fc.record({ waitMs: fc.nat(3000), renewMs: fc.option(fc.integer({ min: 1, max: 3000 })) });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3000 }), fc.array(action), (leaseMs, actions) => {
        let now = 0;
        let told = 0;
        const lease = new Lease(
          leaseMs,
          () => now,
          () => (told += 1),
        );
        let until = leaseMs;
        let expired = false;
        for (const { waitMs, renewMs } of actions) {
          now += waitMs;
          expired ||= now >= until;
          if (renewMs !== null) {
            lease.renew(renewMs);
            if (!expired) until = now + renewMs;
          }
          expect(lease.holds()).toBe(!expired);
          expect(told).toBe(expired ? 1 : 0);
        }
        lease.stop();
      }),
    );
  });

  test("without a time holds for ever", () => {
    const lease = new Lease(
      undefined,
      () => Number.MAX_SAFE_INTEGER,
      () => {},
    );
    expect(lease.holds()).toBe(true);
  });
});

test("an encoder is started again once in a minute", () => {
  let now = 0;
  const guard = new RestartGuard(() => now);
  expect(guard.take()).toBe(true);
  now = 59_999;
  expect(guard.take()).toBe(false);
  now = 60_000;
  expect(guard.take()).toBe(true);
});

test("what holds for long enough is told once, and again after it did not hold", () => {
  const sustained = new Sustained(1000);
  const told = [true, true, true, true, false, true, true].map((holds, index) => sustained.feed(holds, index * 500));
  expect(told).toEqual([false, false, true, false, false, false, false]);
  expect(sustained.feed(true, 3500)).toBe(true);
});

test("a speed is taken over some seconds, and anew for an encode that began anew", () => {
  const meter = new SpeedMeter();
  const speeds = Array.from({ length: 8 }, (_, second) => meter.feed(second * 800, second * 1000));
  expect(speeds.slice(0, 5)).toEqual([undefined, undefined, undefined, undefined, undefined]);
  expect(speeds.at(-1)).toBeCloseTo(0.8);
  expect(meter.feed(0, 9000)).toBeUndefined();
  expect(meter.feed(undefined, 10_000)).toBeUndefined();
});

test("black is a fault only when it has lasted: ffmpeg tells of its first picture", () => {
  jest.useFakeTimers();
  try {
    const told: (string | undefined)[] = [];
    const monitor = new SourceMonitor((fault) => told.push(fault), 3000);
    monitor.push("lavfi.black_start=1");
    jest.advanceTimersByTime(2900);
    monitor.push("lavfi.black_end=3.9");
    jest.advanceTimersByTime(5000);
    expect(told).toEqual([]);
    monitor.push("lavfi.black_start=10");
    jest.advanceTimersByTime(3000);
    expect(told).toEqual(["black"]);
    monitor.push("lavfi.black_end=14");
    expect(told).toEqual(["black", undefined]);
  } finally {
    jest.useRealTimers();
  }
});

test("monitors tell of each fault when it begins, and of the end of the last one; other lines cost nothing", async () => {
  const told: (string | undefined)[] = [];
  const monitor = new SourceMonitor((fault) => told.push(fault));
  monitor.push("lavfi.black_start=1");
  await waitFor(() => told.length > 0, { what: "the fault" });
  for (const line of [
    ...["frame:12   pts:12   pts_time:1.5", "lavfi.freezedetect.freeze_start=1.2", "lavfi.black_end=3"],
    ...["lavfi.freezedetect.freeze_duration=2", "lavfi.freezedetect.freeze_end=3.2", "lavfi.silence_start.1=4"],
    ...["lavfi.silence_end.1=5", "lavfi.silence_end.1=5"],
  ])
    monitor.push(line);
  expect(told).toEqual(["black", "frozen", undefined, "silent", undefined]);
  fc.assert(fc.property(fc.string(), (line) => monitor.push(line)));
});

test("usage is what all processes used since the last time, new ones included", async () => {
  let now = 0;
  const used = new Map([[1, { cpuMs: 500, memoryMiB: 10, state: "S" }]]);
  const meter = new UsageMeter(
    () => now,
    async (pid) => used.get(pid),
  );
  expect(await meter.measure([1, 2])).toBeUndefined();
  now = 1000;
  used.set(1, { cpuMs: 900, memoryMiB: 20, state: "S" });
  used.set(2, { cpuMs: 300, memoryMiB: 5, state: "R" });
  expect(await meter.measure([1, 2, 3])).toEqual({ cpuPercent: 70, memoryMiB: 25 });
  expect(meter.cpuPercentOf(2)).toBe(30);
  expect(meter.cpuPercentOf(3)).toBeUndefined();
});

describe("the watch over a job", () => {
  /** Runs it for some seconds against figures. */
  async function watch(input: Partial<StreamConfigInput>, seconds: number, speed: number) {
    let now = 0;
    const told: string[] = [];
    const job = new JobWatch({
      config: streamConfigSchema.parse({ source: { type: "test" }, ...input }),
      now: () => now,
      pids: () => [process.pid],
      program: () => ({ pid: process.pid, outTimeMs: now * speed }),
      onEvent: (event, _, data) => told.push(`${event} ${data.fault}`),
      restart: ({ code }) => told.push(`restart ${code}`),
      fail: ({ code }) => told.push(`fail ${code}`),
    });
    for (let second = 0; second < seconds; second += 1) {
      await job.tick();
      now += 1000;
    }
    return told;
  }
  const SLOW = { forMs: 5000, belowSpeed: 0.9 } as const;

  test("tells of an encoder that is too slow for too long, and does what the job asks", async () => {
    expect(await watch({ slowEncoder: { ...SLOW, action: "warn" } }, 30, 0.8)).toEqual(["stream.encoder_slow encoder"]);
    expect(await watch({ slowEncoder: { ...SLOW, action: "fail" } }, 12, 0.8)).toEqual([
      "stream.encoder_slow encoder",
      "fail ENCODER_SLOW",
    ]);
    expect(await watch({ slowEncoder: { ...SLOW, action: "restart" } }, 12, 0.8)).toEqual([
      "stream.encoder_slow encoder",
      "restart ENCODER_SLOW",
    ]);
    // A machine that is too slow for the job stays so: the stream was ended by the second finding.
    expect(await watch({ slowEncoder: { ...SLOW, action: "restart" } }, 40, 0.8)).toEqual([
      ...["stream.encoder_slow encoder", "restart ENCODER_SLOW"],
      "stream.encoder_slow encoder",
    ]);
    expect(await watch({ slowEncoder: SLOW }, 30, 0.95)).toEqual([]);
  });

  test("restarts a job over its limits once, and fails it the second time", async () => {
    // No process of Node fits into this.
    const limits = { memoryMiB: 64, forMs: 2000, action: "restart" } as const;
    expect(await watch({ limits }, 8, 1)).toEqual([
      ...["stream.limit_exceeded encoder", "restart LIMIT_EXCEEDED"],
      ...["stream.limit_exceeded encoder", "fail LIMIT_EXCEEDED"],
    ]);
    expect(await watch({ limits: { ...limits, action: "warn" } }, 8, 1)).toEqual(["stream.limit_exceeded encoder"]);
    expect(await watch({ limits: { memoryMiB: 100_000 } }, 30, 1)).toEqual([]);
  });
});
