import { describe, expect, test } from "@jest/globals";
import {
  type Action,
  apply,
  asRun,
  newTimeline,
  nextTimeOfDay,
  observe,
  type Rundown,
  type Scene,
  type TimelineState,
} from "../../src/timeline/index.js";
import { timecodeOf } from "../../src/timeline/timecode.js";

const scene = (name: string, durationMs: number, more: Partial<Scene> = {}): Scene => ({
  ...{ id: name, name, durationMs, hold: false, metadata: {} },
  ...more,
});
const show: Rundown = {
  scenes: [scene("Intro", 3000), scene("Main", 10_000), scene("Outro", 2000)],
  ...{ tickIntervalMs: 100, loop: false, startOffsetMs: 0, lookAheadMs: 1000, frameRate: "25" },
  ...{ startAtMs: null, plannedEndMs: null, lifecycle: "independent" },
};
const BEGIN = Date.UTC(2026, 10, 21, 20);

/** A timeline to which things happen one after another. */
class Stage {
  state: TimelineState;
  private serial = 0;
  constructor(rundown: Rundown = show) {
    this.state = newTimeline(rundown, BEGIN);
  }
  do(afterMs: number, ...actions: Action[]): string {
    this.serial += 1;
    const applied = apply(this.state, { commandId: `c${this.serial}`, actions }, BEGIN + afterMs);
    if (!applied.ok) return applied.refusal.code;
    this.state = applied.state;
    return "ok";
  }
  at(afterMs: number) {
    return observe(this.state, BEGIN + afterMs);
  }
}

describe("a show", () => {
  test("tells progress, elapsed and remaining time per scene and in all, and timecode", () => {
    const stage = new Stage();
    expect(stage.at(0)).toMatchObject({ mode: "idle", remainingMs: 15_000, onAir: null, progress: 0 });
    stage.do(0, { kind: "start" });
    expect(stage.at(5040)).toMatchObject({
      ...{ mode: "running", elapsedMs: 5040, remainingMs: 9960, progress: 0.336, timecode: "00:00:05:01" },
      onAir: { scene: { name: "Main" }, index: 1, elapsedMs: 2040, remainingMs: 7960, progress: 0.204 },
      next: { scene: { name: "Outro" }, startsAtMs: BEGIN + 13_000 },
    });
    expect(stage.at(15_000)).toMatchObject({ mode: "finished", progress: 1, remainingMs: 0, onAir: null });
  });

  test("is cued and taken: the preview is next, by the clock or by a take, and the rundown goes on behind it", () => {
    const stage = new Stage();
    stage.do(0, { kind: "start" });
    stage.do(500, { kind: "cue", scene: "Outro" });
    expect(stage.at(600).next).toMatchObject({ cued: true, scene: { name: "Outro" }, startsAtMs: BEGIN + 3000 });
    expect(stage.at(3000).onAir?.scene.name).toBe("Outro");
    stage.do(1000, { kind: "take" });
    expect(stage.at(1000).onAir).toMatchObject({ scene: { name: "Outro" }, elapsedMs: 0 });
    expect(stage.do(1500, { kind: "take" })).toBe("NOTHING_NEXT");
    expect(stage.at(3000).mode).toBe("finished");
  });

  test("is held beyond the end of a scene until it is taken or released", () => {
    const stage = new Stage();
    stage.do(0, { kind: "start" });
    stage.do(100, { kind: "hold" });
    expect(stage.at(4000)).toMatchObject({
      onAir: { scene: { name: "Intro" }, overMs: 1000, remainingMs: 0, endsAtMs: null },
    });
    expect(stage.at(4000).overUnderMs).toBe(1000);
    stage.do(4500, { kind: "release" });
    expect(stage.at(4500).onAir).toMatchObject({ scene: { name: "Main" }, elapsedMs: 0 });
  });

  test("gives and takes time; what is over by that ends at once", () => {
    const stage = new Stage();
    stage.do(0, { kind: "start" });
    stage.do(1000, { kind: "adjust", deltaMs: 5000 });
    expect(stage.at(1000)).toMatchObject({ overUnderMs: 5000, onAir: { remainingMs: 7000, durationMs: 8000 } });
    stage.do(2000, { kind: "adjust", deltaMs: -60_000 });
    expect(stage.at(2000).onAir).toMatchObject({ scene: { name: "Main" }, elapsedMs: 0 });
  });

  test("starts by the clock, and whoever looks later sees it where it is by then", () => {
    const stage = new Stage({ ...show, startAtMs: BEGIN + 60_000 });
    expect(stage.at(0)).toMatchObject({
      mode: "idle",
      startAtMs: BEGIN + 60_000,
      changesAtMs: BEGIN + 59_000,
      upcoming: false,
    });
    expect(stage.at(59_000)).toMatchObject({ upcoming: true, next: { scene: { name: "Intro" } } });
    expect(stage.at(64_000).onAir).toMatchObject({ scene: { name: "Main" }, elapsedMs: 1000 });
  });

  test("keeps what is on air as it is when the rundown is edited", () => {
    const stage = new Stage();
    stage.do(0, { kind: "start" });
    const edited = { ...show, scenes: [scene("Intro", 50), scene("News", 4000), scene("Outro", 2000)] };
    stage.do(1000, { kind: "reconfigure", rundown: edited });
    expect(stage.at(2999).onAir).toMatchObject({ scene: { name: "Intro", durationMs: 3000 }, remainingMs: 1 });
    expect(stage.at(3000).onAir?.scene.name).toBe("News");
    // Taken out while on air: it is played to its end, and its old followers follow.
    stage.do(3500, { kind: "reconfigure", rundown: show });
    expect(stage.at(3600).onAir).toMatchObject({ scene: { name: "News" }, index: null });
    expect(stage.at(7000).onAir?.scene.name).toBe("Outro");
  });

  test("announces the next scene ahead of time", () => {
    const stage = new Stage();
    stage.do(0, { kind: "start" });
    expect(stage.at(1999)).toMatchObject({ upcoming: false, changesAtMs: BEGIN + 2000 });
    expect(stage.at(2000)).toMatchObject({
      upcoming: true,
      next: { scene: { name: "Main" }, startsAtMs: BEGIN + 3000 },
    });
  });

  test("compares planned with predicted end, also across midnight", () => {
    const lateMs = Date.UTC(2026, 10, 21, 23, 50) - BEGIN;
    const long = { ...show, scenes: [scene("Talk", 1_200_000)], startAtMs: BEGIN + lateMs };
    const stage = new Stage(long);
    expect(stage.at(0)).toMatchObject({ plannedEndMs: Date.UTC(2026, 10, 22, 0, 10), overUnderMs: 0 });
    stage.do(lateMs + 60_000, { kind: "pause" });
    stage.do(lateMs + 180_000, { kind: "resume" });
    expect(stage.at(lateMs + 900_000)).toMatchObject({
      ...{ predictedEndMs: Date.UTC(2026, 10, 22, 0, 12), overUnderMs: 120_000 },
      ...{ elapsedMs: 780_000 },
    });
    stage.do(lateMs + 900_000, { kind: "adjust", deltaMs: -180_000 });
    expect(stage.at(lateMs + 900_000).overUnderMs).toBe(-60_000);
  });

  test("counts a repeated command once, and one that comes late in its order", () => {
    const stage = new Stage();
    stage.do(0, { kind: "start" });
    const skip = { commandId: "skip-1", actions: [{ kind: "skip" } as const] };
    const first = apply(stage.state, skip, BEGIN + 1000);
    const again = first.ok ? apply(first.state, skip, BEGIN + 1500) : first;
    expect(again).toMatchObject({ ok: true, repeated: true });
    expect(again.ok && observe(again.state, BEGIN + 1500).onAir?.scene.name).toBe("Main");
    // Stamped before the skip, it counts right after it: time does not run backwards.
    const late = first.ok && apply(first.state, { commandId: "late", actions: [{ kind: "pause" }] }, BEGIN + 200);
    expect(late).toMatchObject({ ok: true, atMs: BEGIN + 1000 });
    // Stamped 400 ms ago with nothing since, it counts as of then.
    const pause = first.ok && apply(first.state, { commandId: "p", actions: [{ kind: "pause" }] }, BEGIN + 1300);
    expect(pause !== false && pause.ok && observe(pause.state, BEGIN + 9000).onAir?.elapsedMs).toBe(300);
  });

  test("lets two operators who mean the same skip once", () => {
    const stage = new Stage();
    stage.do(0, { kind: "start" });
    const skip = (commandId: string) => ({
      commandId,
      actions: [{ kind: "skip" } as const],
      condition: { onAir: "Intro" },
    });
    const first = apply(stage.state, skip("one"), BEGIN + 100);
    const second = first.ok && apply(first.state, skip("two"), BEGIN + 130);
    expect(second).toMatchObject({ ok: false, refusal: { code: "CONDITION_FAILED" } });
  });

  test("refuses a batch as a whole and says which action is the reason", () => {
    const stage = new Stage();
    stage.do(0, { kind: "start" });
    const batch = { commandId: "b", actions: [{ kind: "skip" }, { kind: "force", scene: "None" }] as Action[] };
    expect(apply(stage.state, batch, BEGIN + 10)).toMatchObject({
      ok: false,
      refusal: { code: "SCENE_NOT_FOUND", action: 1 },
    });
    expect(stage.do(10, { kind: "cue", scene: "Outro" }, { kind: "adjust", deltaMs: 500 })).toBe("ok");
    expect(stage.at(10)).toMatchObject({ next: { cued: true }, onAir: { durationMs: 3500 } });
  });

  test("loops without drift: after a billion rounds it is where it must be", () => {
    const stage = new Stage({ ...show, loop: true });
    stage.do(0, { kind: "start" });
    expect(stage.at(15_000 * 1e9 + 3001)).toMatchObject({
      round: 1e9,
      onAir: { scene: { name: "Main" }, elapsedMs: 1 },
    });
  });

  test("keeps a record of what was on air, and of what took it off", () => {
    const stage = new Stage();
    const journal = [
      [0, { kind: "start" }],
      [1000, { kind: "pause" }],
      [2000, { kind: "resume" }],
      [5000, { kind: "skip" }],
    ] as const;
    const entries = asRun(
      { rundown: show, atMs: BEGIN },
      journal.map(([afterMs, action]) => ({
        atMs: BEGIN + afterMs,
        command: { commandId: `${afterMs}`, actions: [action] },
      })),
      BEGIN + 6000,
      100,
    );
    expect(stage.state.revision).toBe(0);
    const seen = entries.map(({ name, startedAtMs, endedAtMs, endedBy }) => [
      ...[name, startedAtMs - BEGIN, endedAtMs && endedAtMs - BEGIN, endedBy],
    ]);
    expect(seen).toEqual([
      ["Intro", 0, 4000, "end"],
      ["Main", 4000, 5000, "skip"],
      ["Outro", 5000, null, null],
    ]);
  });
});

describe("timecode", () => {
  test("drops frame numbers at the broken rates, as SMPTE ST 12-1 has it", () => {
    // One frame of 29.97 lasts 1001/30 ms.
    const at = (frames: number) => timecodeOf(Math.ceil((frames * 1001) / 30), "29.97");
    expect([at(1799), at(1800), at(17_981), at(17_982), at(107_892)]).toEqual([
      ...["00:00:59;29", "00:01:00;02", "00:09:59;29", "00:10:00;00", "01:00:00;00"],
    ]);
    expect(timecodeOf(3_599_960, "25")).toBe("00:59:59:24");
  });
});

describe("a time of day", () => {
  test("is the next one, on the other side of midnight where it is past", () => {
    const evening = Date.UTC(2026, 10, 21, 21, 30);
    expect(nextTimeOfDay("23:00", "Europe/Berlin", evening)).toBe(Date.UTC(2026, 10, 21, 22));
    expect(nextTimeOfDay("22:00", "Europe/Berlin", evening)).toBe(Date.UTC(2026, 10, 22, 21));
    expect(nextTimeOfDay("00:10:30", "America/Los_Angeles", evening)).toBe(Date.UTC(2026, 10, 22, 8, 10, 30));
  });

  test("survives the change of the clocks", () => {
    // Europe/Berlin: 02:00 to 03:00 is left out on 29 March 2026, and comes twice on 25 October.
    expect(nextTimeOfDay("02:30", "Europe/Berlin", Date.UTC(2026, 2, 28, 23))).toBe(Date.UTC(2026, 2, 29, 1));
    expect(nextTimeOfDay("02:30", "Europe/Berlin", Date.UTC(2026, 9, 24, 22))).toBe(Date.UTC(2026, 9, 25, 0, 30));
  });
});
