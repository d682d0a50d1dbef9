import { describe, expect, test } from "@jest/globals";
import type { JsonObject } from "@stream-control/protocol";
import fc from "fast-check";
import { fitting } from "../scheduling/placement.js";
import { requirementOf } from "../scheduling/requirement.js";
import { AgentResources } from "./agent-resources.js";
import { NOTHING, needOf, RESOURCES, shown } from "./amounts.js";
import { demandOf } from "./demand.js";

const size = fc.constantFrom([64, 48], [640, 360], [1280, 720], [1920, 1080], [3840, 2160]);
const stream = fc
  .record({
    size,
    fps: fc.integer({ min: 1, max: 60 }),
    preset: fc.constantFrom("ultrafast", "veryfast", "slow"),
    encoder: fc.constantFrom("auto", "libx264", "h264_nvenc"),
    destinations: fc.array(fc.constantFrom({ type: "rtmp" }, { type: "file" }, { preset: "twitch" }), { maxLength: 4 }),
  })
  .map(
    ({ size: [width, height], fps, preset, encoder, destinations }): JsonObject => ({
      source: { type: "test" },
      video: { width, height, fps, preset, encoder, bitrateKbps: 3000 },
      destinations,
    }),
  );
const render = fc
  .record({ size, duration: fc.integer({ min: 1, max: 600 }), elements: fc.integer({ min: 1, max: 5 }) })
  .map(
    ({ size: [width, height], duration, elements }): JsonObject => ({
      kind: "render",
      request: { width, height, duration, output_format: "mp4", elements: new Array(elements).fill({ type: "shape" }) },
    }),
  );

const some = (max: number) => fc.option(fc.integer({ min: 0, max }), { nil: undefined });
const machine = fc.record({
  slots: fc.integer({ min: 1, max: 20 }),
  cpu: some(16),
  memoryMiB: some(32_768),
  gpu: some(2),
  networkKbps: some(100_000),
  diskFreeMiB: some(10_000),
});

describe("what is reserved of an agent", () => {
  test("never exceeds what it has, whatever comes and ends, and is nothing when all has ended", () => {
    const fleet = fc.array(machine, { minLength: 1, maxLength: 4 });
    const steps = fc.array(fc.oneof(stream, render, fc.nat()), { maxLength: 80 });
    fc.assert(
      fc.property(fleet, steps, (machines, script) => {
        const agents = machines.map(({ slots, diskFreeMiB, ...has }, index) => {
          const resources = new AgentResources();
          resources.report(has);
          if (diskFreeMiB !== undefined) resources.reportLoad({ diskFreeMiB });
          const state = { connected: true, draining: false, faulty: false, room: "default", used: 0, assigned: 0 };
          return {
            id: `${index}`,
            ...state,
            capabilities: { slots, features: ["renders"] },
            resources,
            jobs: [] as string[],
          };
        });
        let jobs = 0;
        for (const step of script) {
          if (typeof step === "number") {
            const busy = agents.filter((agent) => agent.jobs.length > 0);
            const agent = busy[step % Math.max(1, busy.length)];
            const ended = agent?.jobs.shift();
            if (agent === undefined || ended === undefined) continue;
            agent.resources.release(ended);
            agent.used -= 1;
            continue;
          }
          const requirement = requirementOf(step, "default");
          const fit = fitting(agents, { requirement, avoid: new Map() }) ?? [];
          const agent = fit[jobs % Math.max(1, fit.length)];
          if (agent === undefined || requirement.needs === undefined) continue;
          jobs += 1;
          agent.resources.reserve(`${jobs}`, requirement.needs);
          agent.jobs.push(`${jobs}`);
          agent.used += 1;
          for (const resource of RESOURCES) {
            const has = agent.resources.capacity[resource];
            if (has !== undefined) expect(agent.resources.reserved[resource]).toBeLessThanOrEqual(has);
          }
          expect(agent.used).toBeLessThanOrEqual(agent.capabilities.slots);
        }
        for (const { jobs: open, resources } of agents) {
          for (const job of open) resources.release(job);
          expect(resources.reserved).toEqual(NOTHING);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("is kept anew when an agent that was away comes back smaller, and a job that seems too large has it for itself", () => {
    const resources = new AgentResources();
    const needs = { ...NOTHING, cpu: 4000, memoryMiB: 4096 };
    resources.reserve("a", needs);
    expect(shown(resources.reserved)).toMatchObject({ cpu: 4, memoryMiB: 4096 });
    resources.report({ cpu: 2, memoryMiB: 2048 });
    expect(shown(resources.reserved)).toMatchObject({ cpu: 2, memoryMiB: 2048 });
    expect(resources.lacking(needs)).toEqual({
      code: "CPU",
      message: "It has 0 processor cores left; the job needs 2.",
    });
    resources.release("a");
    expect(resources.lacking(needs)).toBeUndefined();
  });

  test("leaves a machine alone whose memory others have used up", () => {
    const resources = new AgentResources();
    resources.report({ memoryMiB: 8192 });
    resources.reportLoad({ memoryTotalMiB: 8192, memoryUsedMiB: 8150 });
    expect(resources.lacking({ ...NOTHING, memoryMiB: 64 })).toMatchObject({ code: "MEMORY" });
    expect(resources.lacking(NOTHING)).toBeUndefined();
  });
});

describe("what a job is reckoned to need", () => {
  const needs = (config: JsonObject) => demandOf(config).needs;
  const film = {
    kind: "render",
    request: { width: 1920, height: 1080, output_format: "mp4", duration: 60, elements: [] },
  };

  test("is so little for usual streams that two cores take four of them", () => {
    expect(needs({ source: { type: "test" } }).cpu * 4).toBeLessThan(2);
    expect(needs({ streamUrl: "rtmp://a/b", quality: "1080p" }).cpu * 4).toBeLessThan(2);
  });

  test("grows with the picture, the preset, the destinations, and is a graphics processor's where it encodes", () => {
    const base = needs({ source: {}, video: { width: 1280, height: 720 } });
    expect(needs({ source: {}, video: { width: 3840, height: 2160 } }).cpu).toBeGreaterThan(base.cpu * 5);
    expect(needs({ source: {}, video: { preset: "slow" } }).cpu).toBeGreaterThan(base.cpu * 2);
    expect(needs({ source: {}, destinations: [{ type: "srt" }, { preset: "twitch" }] }).networkKbps).toBe(6000);
    expect(needs({ source: {}, destinations: [{ type: "file" }], durationSeconds: 60 }).diskMiB).toBeCloseTo(22, 0);
    expect(needs({ source: {}, video: { encoder: "h264_nvenc" } })).toMatchObject({ gpu: 1 / 8 });
    expect(needs({ kind: "test" })).toEqual({ cpu: 0, memoryMiB: 0, diskMiB: 0, gpu: 0, networkKbps: 0 });
  });

  test("is a part's own for a part of a render", () => {
    const whole = needs(film);
    expect(needs({ ...film, task: { type: "frames", firstFrame: 0, frames: 30 } }).diskMiB).toBeLessThan(whole.diskMiB);
    expect(needs({ ...film, task: { type: "sound" } }).cpu).toBeLessThan(whole.cpu);
    expect(demandOf({ ...film, task: { type: "merge", parts: [] } }).kind).toBe("renders merge");
  });

  test("comes in steps, so that jobs of about the same size are of one kind to the scheduler", () => {
    const kinds = new Set(
      Array.from({ length: 200 }, (_, index) => {
        const request = { ...film.request, duration: 10 + index / 10 };
        return JSON.stringify(needOf(needs({ kind: "render", request })));
      }),
    );
    expect(kinds.size).toBeLessThan(5);
  });
});
