import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { explain, fitting, refusalOf, type Waiting } from "./placement.js";
import { leastLoaded } from "./strategies/by-load.js";
import type { Rated } from "./strategies/picked.js";

/** Whom a job is given to unless anything else is configured. */
const choose = (agents: readonly Rated[], job: Waiting) => {
  const fit = fitting(agents, job);
  return fit && leastLoaded(fit).agent;
};

const AGENT_IDS = ["a", "b", "c", "d", "e", "f"];

const candidate = (id: string): fc.Arbitrary<Rated> =>
  fc.record({
    id: fc.constant(id),
    room: fc.constantFrom("default", "annex"),
    connected: fc.boolean(),
    draining: fc.boolean(),
    faulty: fc.boolean(),
    capabilities: fc.record({
      slots: fc.nat(4),
      maxResolution: fc.constantFrom(undefined, "480p", "720p", "1080p"),
    }) as fc.Arbitrary<Rated["capabilities"]>,
    used: fc.nat(5),
    assigned: fc.nat(100),
    load: fc.constant(null),
  });

const fleet = fc.tuple(...AGENT_IDS.map(candidate)).chain((agents) => fc.subarray(agents));
const waiting: fc.Arbitrary<Waiting> = fc.record({
  requirement: fc.record({ height: fc.constantFrom(undefined, 360, 720, 1080, 2160), room: fc.constant("default") }),
  avoid: fc.subarray(AGENT_IDS).map((ids) => new Map(ids.map((id) => [id, `${id} declined.`]))),
});

describe("placement", () => {
  test("never takes an agent that is away, drained, faulty, full, too small, of another room or was tried", () => {
    fc.assert(
      fc.property(fleet, waiting, (agents, job) => {
        const chosen = choose(agents, job);
        if (chosen === undefined) return;
        const { slots, maxResolution } = chosen.capabilities;
        expect(chosen).toMatchObject({ room: job.requirement.room, connected: true, draining: false, faulty: false });
        expect(chosen.used).toBeLessThan(slots);
        expect(job.avoid.has(chosen.id)).toBe(false);
        if (job.requirement.height !== undefined && maxResolution !== undefined)
          expect(Number.parseInt(maxResolution, 10)).toBeGreaterThanOrEqual(job.requirement.height);
      }),
    );
  });

  test("takes one whenever one may have the job, and the least loaded of them", () => {
    fc.assert(
      fc.property(fleet, waiting, (agents, job) => {
        const possible = agents.filter((agent) => refusalOf(agent, job) === undefined);
        const chosen = choose(agents, job);
        expect(chosen === undefined).toBe(possible.length === 0);
        if (chosen === undefined) return;
        const load = (agent: Rated) => agent.used / agent.capabilities.slots;
        for (const other of possible) {
          expect(load(chosen)).toBeLessThanOrEqual(load(other));
          if (load(chosen) === load(other)) expect(chosen.assigned).toBeLessThanOrEqual(other.assigned);
        }
      }),
    );
  });

  test("explains a job that waits with a sentence and every agent of its room by name", () => {
    fc.assert(
      fc.property(fleet, waiting, (agents, job) => {
        const { pendingReason, passedOver } = explain(agents, job);
        expect(pendingReason).toMatch(/\.$/);
        const here = agents.filter(({ room }) => room === job.requirement.room);
        if (choose(agents, job) === undefined)
          expect(passedOver.map(({ agentId }) => agentId)).toEqual(here.map(({ id }) => id));
        else expect(passedOver).toEqual([]);
      }),
    );
  });
});
