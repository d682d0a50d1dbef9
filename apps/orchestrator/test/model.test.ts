import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import fc from "fast-check";
import { World } from "./model/world.js";

/** One step of a story. The model is in the world itself: what was acknowledged, and what must be true of it. */
type Step = (world: World) => Promise<void> | void;

const which = fc.nat(2);
const step: fc.Arbitrary<{ toString(): string; run: Step }> = fc.oneof(
  { weight: 6, arbitrary: named("pass", fc.integer({ min: 250, max: 6000 }), (world, ms) => world.pass(ms)) },
  {
    weight: 5,
    arbitrary: named(
      "submit",
      fc.record({
        key: fc.option(fc.constantFrom("a", "b", "c"), { freq: 3 }),
        policy: fc.constantFrom<"never" | "onFailure">("never", "onFailure", "onFailure"),
      }),
      (world, { key, policy }) => world.submit(key, policy),
    ),
  },
  { weight: 4, arbitrary: named("connect", which, (world, n) => world.agents[n]?.connect()) },
  { weight: 3, arbitrary: named("stop", fc.nat(20), (world, n) => world.stopJob(n)) },
  {
    weight: 3,
    arbitrary: named("cut", fc.record({ n: which, noticed: fc.boolean() }), (world, { n, noticed }) =>
      world.agents[n]?.cut(noticed),
    ),
  },
  { weight: 1, arbitrary: named("reboot", which, (world, n) => world.agents[n]?.reboot()) },
  {
    weight: 3,
    arbitrary: named("hold", fc.record({ n: which, held: fc.boolean() }), (world, { n, held }) => {
      const agent = world.agents[n];
      if (agent !== undefined) agent.held = held;
    }),
  },
  {
    weight: 2,
    arbitrary: named(
      "manners",
      fc.record({
        n: which,
        assign: fc.constantFrom("run", "run", "decline", "mute", "instant", "secret", "secret"),
        obeys: fc.boolean(),
      }),
      (world, { n, ...manners }) => {
        const agent = world.agents[n];
        if (agent !== undefined) agent.manners = manners as typeof agent.manners;
      },
    ),
  },
  {
    weight: 2,
    arbitrary: named(
      "end",
      fc.record({ n: which, status: fc.constantFrom<"STOPPED" | "FAILED">("STOPPED", "FAILED", "FAILED") }),
      (world, { n, status }) => world.agents[n]?.endOne(status),
    ),
  },
  {
    weight: 2,
    arbitrary: named("repeat", fc.record({ n: which, index: fc.nat(30) }), (world, { n, index }) =>
      world.agents[n]?.repeat(index),
    ),
  },
  {
    weight: 1,
    arbitrary: named(
      "drain",
      fc.record({
        n: which,
        drain: fc.boolean(),
        deadlineMs: fc.option(fc.nat(8000)),
        migrate: fc.boolean(),
      }),
      async (world, { n, drain, deadlineMs, migrate }) => {
        const agent = world.agents[n];
        if (agent !== undefined) await world.drain(agent, drain, deadlineMs, migrate);
      },
    ),
  },
  { weight: 1, arbitrary: named("restart", fc.constant(0), (world) => world.restart()) },
  {
    weight: 1,
    arbitrary: named("clock jumps", fc.integer({ min: -7_200_000, max: 7_200_000 }), (_world, ms) => {
      jest.setSystemTime(Math.max(1e12, Date.now() + ms));
    }),
  },
);

/** A step that shows in a counterexample as what it does. */
function named<T>(name: string, values: fc.Arbitrary<T>, run: (world: World, value: T) => Promise<void> | void) {
  return values.map((value) => ({
    toString: () => `${name}(${JSON.stringify(value)})`,
    run: (world: World) => run(world, value),
  }));
}

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ["setImmediate", "clearImmediate", "nextTick", "queueMicrotask"] });
});
afterEach(() => {
  jest.useRealTimers();
});

test("whatever happens in whatever order: what is acknowledged stays, ends once, and runs at most once", async () => {
  let steps = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60, size: "max" }), async (story) => {
      const world = await World.open([1, 2, 1]);
      try {
        for (const { run } of story) {
          steps += 1;
          await run(world);
          await world.check();
        }
        await world.settle();
      } finally {
        await world.close();
      }
    }),
    // A failure prints its seed and its story; without `endOnFailure` and with that seed, the shortest story that shows it.
    { numRuns: 40, endOnFailure: true },
  );
  expect(steps).toBeGreaterThan(300);
}, 120_000);
