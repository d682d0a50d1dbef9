import fc from "fast-check";
import type { Action, Rundown, Scene } from "../../src/timeline/index.js";

const ids = ["a", "b", "c", "d", "e", "f"];

const scene = (id: string): fc.Arbitrary<Scene> =>
  fc.record({
    id: fc.constant(id),
    name: fc.constant(`Scene ${id}`),
    durationMs: fc.integer({ min: 1, max: 40 }),
    hold: fc.boolean().map((value) => value && id === "c"),
    metadata: fc.constant({}),
  });

/** Rundowns of up to five of six scenes, in any order. */
export const rundown = (startsAround: number): fc.Arbitrary<Rundown> =>
  fc
    .uniqueArray(fc.constantFrom(...ids), { minLength: 1, maxLength: 5 })
    .chain((chosen) => fc.tuple(...chosen.map(scene)))
    .chain((scenes) =>
      fc.record({
        scenes: fc.constant(scenes),
        tickIntervalMs: fc.constant(100),
        loop: fc.boolean(),
        startOffsetMs: fc.oneof(
          fc.constant(0),
          fc.nat({ max: scenes.reduce((sum, { durationMs }) => sum + durationMs, 0) - 1 }),
        ),
        lookAheadMs: fc.constantFrom(0, 10),
        frameRate: fc.constant("25" as const),
        startAtMs: fc.oneof(
          { weight: 3, arbitrary: fc.constant(null) },
          { weight: 1, arbitrary: fc.integer({ min: startsAround - 50, max: startsAround + 200 }) },
        ),
        plannedEndMs: fc.constant(null),
        lifecycle: fc.constant("independent" as const),
      }),
    );

export const action = (startsAround: number): fc.Arbitrary<Action> =>
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant("start" as const),
        startAtMs: fc.oneof(fc.constant(undefined), fc.integer({ min: startsAround, max: startsAround + 300 })),
      }),
    },
    fc.constantFrom<Action>({ kind: "stop" }, { kind: "reset" }, { kind: "status", status: "live", message: "" }),
    fc.constantFrom<Action>({ kind: "pause" }, { kind: "resume" }, { kind: "skip" }, { kind: "take" }),
    fc.constantFrom<Action>({ kind: "hold" }, { kind: "release" }, { kind: "cue", scene: null }),
    fc.constantFrom(...ids).map((id): Action => ({ kind: "force", scene: id })),
    fc.constantFrom(...ids).map((id): Action => ({ kind: "cue", scene: id })),
    fc.integer({ min: -60, max: 60 }).map((deltaMs): Action => ({ kind: "adjust", deltaMs })),
    rundown(startsAround).map((value): Action => ({ kind: "reconfigure", rundown: value })),
  );
