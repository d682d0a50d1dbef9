import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { freshHealth, type HealthPolicy, judge, type Verdict, wordsFor } from "./health.js";
import type { Sighting } from "./sightings.js";

const POLICY: HealthPolicy = { graceMs: 60, restarts: true, maxRestarts: 3, restartPauseMs: 100, forgivenAfterMs: 600 };
const sight = (health: string, streamStatus = "active", issues: Sighting["issues"] = []): Sighting => ({
  ...{ lifeCycle: "live", monitorStream: false, viewers: undefined },
  ...{ streamStatus, health, issues },
});

/** What is told over a series of looks, each ten apart. */
function course(looks: readonly Sighting[], policy = POLICY): { atMs: number; verdict: Verdict }[] {
  let health = freshHealth(0);
  return looks.flatMap((sighting, index) => {
    const nowMs = index * 10;
    const judged = judge(health, sighting, { policy, nowMs, runningForMs: 1000 });
    health = judged.health;
    return judged.verdicts.map((verdict) => ({ atMs: nowMs, verdict }));
  });
}

describe("the health of a stream", () => {
  test("is told in YouTube's words, the worst first", () => {
    const issues = [
      { type: "audioBitrateLow", severity: "info" },
      { type: "gopSizeLong", severity: "warning" },
      { type: "bitrateLow", severity: "error", description: "The bitrate is too low. " },
    ];
    expect(wordsFor(sight("bad", "active", issues))).toBe(
      "YouTube finds the stream in bad health: The bitrate is too low; gop size long.",
    );
    expect(wordsFor(sight("noData", "inactive"))).toBe("YouTube receives no stream.");
  });

  test("one bad look is no trouble; trouble is told once, and its end too", () => {
    const [good, bad] = [sight("good"), sight("bad")];
    const policy = { ...POLICY, restarts: false };
    expect(course([good, bad, bad, good, bad, good], policy)).toEqual([]);
    const told = course([good, ...Array(20).fill(bad), good, good], policy);
    expect(told.map(({ verdict, atMs }) => [verdict.tell, atMs])).toEqual([
      ["unhealthy", 70],
      ["well", 210],
    ]);
  });

  test("restarts come with growing pauses and a limit, whatever the course of things", () => {
    const looks = fc.array(fc.constantFrom(sight("good"), sight("bad"), sight("noData", "inactive")), {
      maxLength: 400,
    });
    fc.assert(
      fc.property(looks, (given) => {
        // Long trouble too, which random looks rarely are.
        const told = course([...given, ...Array(150).fill(sight("bad"))]);
        const restarts = told.filter(({ verdict }) => verdict.tell === "restart");
        for (const [index, { atMs, verdict }] of restarts.entries()) {
          const before = restarts[index - 1];
          if (before === undefined || verdict.tell !== "restart") continue;
          const pauseMs = POLICY.restartPauseMs * 2 ** (verdict.attempt - 2);
          if (verdict.attempt > 1) expect(atMs - before.atMs).toBeGreaterThanOrEqual(pauseMs);
          expect(verdict.attempt).toBeLessThanOrEqual(POLICY.maxRestarts);
        }
      }),
    );
    const steady = course(Array(200).fill(sight("bad"))).map(({ verdict }) => verdict.tell);
    expect(steady.filter((tell) => tell === "restart")).toHaveLength(3);
    expect(steady.at(-1)).toBe("exhausted");
  });
});
