import { describe, expect, it } from "@jest/globals";
import { FAULT_KINDS, planFaults } from "../src/plan/faults.js";
import { planErrands } from "../src/plan/work.js";
import { pointedAt, Random } from "../src/random.js";

describe("the plan of a storm", () => {
  it("is the same for the same seed, and another for another", () => {
    const plan = (seed: number) => {
      const random = new Random(seed);
      return { faults: planFaults(random, 60_000), errands: planErrands(random, 60_000) };
    };
    expect(plan(7)).toEqual(plan(7));
    expect(plan(7)).not.toEqual(plan(8));
  });

  it("has every kind of fault in ten minutes, in the order of time", () => {
    const faults = planFaults(new Random(1), 600_000);
    expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(FAULT_KINDS));
    expect(faults.map(({ atMs }) => atMs)).toEqual(faults.map(({ atMs }) => atMs).sort((a, b) => a - b));
    expect(faults.every(({ atMs, forMs }) => atMs < 600_000 && forMs > 0 && forMs <= 10_000)).toBe(true);
  });

  it("has only the kinds that were asked for, with time between them", () => {
    const faults = planFaults(new Random(1), 600_000, ["agent.kill", "link.cut"]);
    expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(["agent.kill", "link.cut"]));
    for (const [index, { atMs }] of faults.entries())
      expect(atMs - (faults[index - 1]?.atMs ?? -6000)).toBeGreaterThanOrEqual(6000);
  });

  it("has every errand, and ten light jobs a second", () => {
    const errands = planErrands(new Random(1), 60_000);
    expect(new Set(errands.map((errand) => errand.do)).size).toBe(6);
    const commands = errands.flatMap((errand) => (errand.do === "switch-stream" ? [errand.command] : []));
    expect(new Set(commands).size).toBe(4);
    const light = errands.filter((errand) => errand.do === "submit-light");
    expect(light.length).toBeGreaterThan(500);
    expect(light.length).toBeLessThan(700);
  });

  it("draws evenly enough to reach every victim", () => {
    const random = new Random(3);
    const hits = Array.from({ length: 3000 }, () => pointedAt(["a", "b", "c"], random.next()));
    for (const victim of ["a", "b", "c"])
      expect(Math.abs(hits.filter((hit) => hit === victim).length - 1000)).toBeLessThan(150);
    expect(pointedAt([], 0.5)).toBeUndefined();
  });
});
