import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { JSON_SHAPE, jsonShapeProblem, parseAgentMessage } from "../src/index.js";

const depthOf = (value: unknown): number =>
  typeof value === "object" && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;

const tricky = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom('"', "\\", '\\"', "[[[[", '{"a":[', "\u5b5b"));

describe("the shape of a JSON text", () => {
  test("is told exactly as its parsed value has it, whatever its strings contain", () => {
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { depthSize: "small", maxDepth: 10 },
        tricky,
        fc.integer(),
        fc.array(tie("any")),
        fc.dictionary(tricky, tie("any")),
      ),
    })).any;
    fc.assert(
      fc.property(value, fc.nat(8), fc.boolean(), (parsed, maxDepth, asBytes) => {
        const json = JSON.stringify(parsed);
        const text = asBytes ? new TextEncoder().encode(json) : json;
        const problem = jsonShapeProblem(text, { maxDepth, maxValues: 1e9 });
        expect(problem !== undefined).toBe(depthOf(JSON.parse(json)) > maxDepth);
      }),
      { numRuns: 500 },
    );
  });

  test("bounds the number of values, be they elements or members", () => {
    const elements = (count: number) => JSON.stringify(Array.from({ length: count }, () => 0));
    expect(jsonShapeProblem(elements(JSON_SHAPE.maxValues))).toBeUndefined();
    expect(jsonShapeProblem(elements(JSON_SHAPE.maxValues + 2))).toContain("50000 values");
    const members = Object.fromEntries(Array.from({ length: 30_000 }, (_, n) => [`k${n}`, n]));
    expect(jsonShapeProblem(JSON.stringify(members))).toContain("50000 values");
  });

  test("a megabyte of opening brackets costs a refusal at the 33rd, not a parsed tower", () => {
    const bomb = "[".repeat(1024 * 1024);
    const started = performance.now();
    for (let round = 0; round < 1000; round += 1) expect(jsonShapeProblem(bomb)).toContain("32 levels");
    expect(performance.now() - started).toBeLessThan(2000);
  });

  test("an agent's message beyond it is refused as one that is no JSON", () => {
    const nested = `{"type":"agent.job.event","payload":${'{"a":'.repeat(40)}1${"}".repeat(40)}}`;
    expect(parseAgentMessage(nested)).toMatchObject({
      ok: false,
      problem: { kind: "bad-json", message: expect.stringContaining("32 levels") },
    });
  });
});
