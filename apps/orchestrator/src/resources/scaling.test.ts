import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { advise, type FleetNow } from "./scaling.js";

const IDLE: FleetNow = {
  ...{ agents: [], waitingStreams: 0, waitingRenders: 0, runningStreams: 0, runningRenders: 0 },
  ...{ renderMs: undefined, rendersNextHour: undefined, waitTargetMs: 60_000 },
};
const agents = (...used: number[]) => used.map((count) => ({ slots: 2, used: count }));

describe("advice on the size of a fleet", () => {
  test("is nobody where nothing is to do, and a slot for each stream that waits", () => {
    expect(advise(IDLE)).toMatchObject({ desiredAgents: 0, desiredSlots: 0 });
    expect(advise({ ...IDLE, waitingStreams: 3 })).toMatchObject({ desiredAgents: 3, desiredSlots: 3 });
    const two = { ...IDLE, agents: agents(2, 2), runningStreams: 4, waitingStreams: 3 };
    expect(advise(two)).toMatchObject({ desiredAgents: 4, desiredSlots: 7 });
  });

  test("lets renders wait, as long as they begin within the target", () => {
    const queue = { ...IDLE, agents: agents(2), runningRenders: 2, waitingRenders: 30 };
    expect(advise({ ...queue, renderMs: 10_000 })).toMatchObject({ desiredSlots: 2 + 5 });
    expect(advise({ ...queue, renderMs: 600_000 })).toMatchObject({ desiredSlots: 2 + 30 });
    expect(advise(queue)).toMatchObject({ desiredSlots: 2 + 30 });
    expect(advise({ ...queue, renderMs: 10_000 }).reason).toContain("5 slots for 30 waiting renders of about 10 s");
  });

  test("keeps slots for what is expected, by rate times length", () => {
    const quiet = { ...IDLE, agents: agents(0), renderMs: 60_000, rendersNextHour: 240 };
    expect(advise(quiet)).toMatchObject({ desiredSlots: 4, desiredAgents: 2 });
    expect(advise(quiet).reason).toContain("expected within the hour");
  });

  test("spares no agent that has a job, and is never less than what runs", () => {
    expect(advise({ ...IDLE, agents: agents(1, 1, 1, 1), runningStreams: 4 })).toMatchObject({ desiredAgents: 4 });
    const count = fc.nat(50);
    const fleet = fc.record({
      waitingStreams: count,
      waitingRenders: count,
      renderMs: fc.option(fc.nat(1e6), { nil: undefined }),
    });
    fc.assert(
      fc.property(fleet, fc.array(fc.nat(2)), (now, used) => {
        const runningStreams = used.reduce((sum, one) => sum + one, 0);
        const advice = advise({ ...IDLE, ...now, agents: agents(...used), runningStreams });
        expect(advice.desiredSlots).toBeGreaterThanOrEqual(runningStreams + now.waitingStreams);
        expect(advice.desiredAgents).toBeGreaterThanOrEqual(used.filter((one) => one > 0).length);
        expect(advice.desiredSlots).toBeLessThanOrEqual(runningStreams + now.waitingStreams + now.waitingRenders);
      }),
    );
  });
});
