import { describe, expect, test } from "@jest/globals";
import { temporaryFolder } from "@stream-control/test-kit";
import { House } from "./house.js";
import type { Assignment, SeedAgent } from "./seed-agent.js";

const by = (strategy: string) => ({ environment: new Map([["loadBalancing.strategy", strategy]]) });

const assignedOf = async (house: House, id: string) =>
  (await house.eventsOf(id)).find(({ type }) => type === "job.assigned")?.data;

/** Ends every render at once, and says that it took so many milliseconds a second of film. */
const renderer = (agentId: string, msPerSecond: number, slots = 1) => ({
  ...{ agentId, slots, features: ["renders"] },
  onAssign: (self: SeedAgent, given: Assignment) => {
    const { jobId, config } = given;
    self.ack(given);
    const { duration } = config.request;
    const render = {
      step: "done",
      totalFrames: duration * 30,
      elapsedMs: Math.round(duration * msPerSecond),
      file: "f",
    };
    self.send("agent.job.stopped", { jobId, status: "STOPPED", progress: { frame: duration * 30, render } });
  },
});

async function render(house: House, id: string, duration: number, more: object = {}): Promise<string> {
  const request = { id, width: 64, height: 48, duration, elements: [{ type: "shape" }], ...more };
  await house.api("POST", "/api/v1/orchestrate", request, { Prefer: "respond-async" });
  const { items } = (await house.api("GET", "/v1/jobs?limit=1&order=desc")).body;
  await house.jobWhere(items[0].id, ({ agentId }) => agentId !== null, "given away");
  return items[0].id;
}

describe("strategies", () => {
  test("are taken as configured, as set meanwhile, and as a job says itself; its event says which one, and why", async () => {
    await using house = await House.open({ configuration: {} });
    await house.agent({ agentId: "small", slots: 1 });
    await house.agent({ agentId: "large", slots: 4 });
    const first = await house.submit({ placement: "least_connections" });
    const second = await house.submit({ placement: "round_robin" });
    const ids = [first.id, second.id];
    expect(first.placement).toBe("least_connections");
    for (const id of ids) await house.jobIn(id, "RUNNING");
    expect(await assignedOf(house, first.id)).toMatchObject({
      strategy: "least_connections",
      why: "0 jobs, the fewest of 2 agents that may have it",
      beside: 0,
    });
    expect(await assignedOf(house, second.id)).toMatchObject({ strategy: "round_robin" });
    await house.api("PUT", "/api/v1/config", { loadBalancing: { strategy: "weighted" } });
    const third = await house.submit();
    await house.jobIn(third.id, "RUNNING");
    expect(await assignedOf(house, third.id)).toMatchObject({
      strategy: "weighted",
      why: expect.stringMatching(/room/),
    });
    await house.api("PUT", "/api/v1/config", { loadBalancing: { strategy: null } });
    const fourth = await house.submit();
    await house.jobIn(fourth.id, "RUNNING");
    expect(await assignedOf(house, fourth.id)).toMatchObject({ strategy: "least_loaded" });
    expect((await house.api("POST", "/v1/jobs", { inlineConfig: {}, placement: "best" })).status).toBe(422);
  });

  test("that know too little leave the choice to another, and say so", async () => {
    await using house = await House.open({ configuration: by("ai_driven") });
    await house.agent({ features: ["renders"] });
    const stream = await house.submit();
    await house.jobIn(stream.id, "RUNNING");
    expect(await assignedOf(house, stream.id)).toMatchObject({
      strategy: "least_loaded",
      insteadOf: [
        { strategy: "ai_driven", reason: expect.stringContaining("a stream lasts until it is stopped") },
        { strategy: "performance_based", reason: "no stream has been measured yet" },
      ],
    });
  });

  test("ai_driven learns who is fast from what was rendered, says what it expects, and still knows after a restart", async () => {
    await using folder = await temporaryFolder();
    await using house = await House.open({ mediaDir: folder.path, configuration: by("ai_driven") });
    await house.agent(renderer("quick", 100));
    await house.agent(renderer("slow", 900));
    // Both are tried: the model does not know anything yet.
    for (let n = 0; n < 24; n += 1)
      await render(house, `try-${n}`, 1 + (n % 7), { placement: n === 0 ? "ai_driven" : "round_robin" });
    const [newest] = (await house.api("GET", "/v1/jobs?limit=1&order=asc")).body.items;
    expect(await assignedOf(house, newest.id)).toMatchObject({
      strategy: "least_loaded",
      insteadOf: [{ strategy: "ai_driven", reason: expect.stringContaining("needs 20") }, {}],
    });
    const known = await render(house, "known", 5);
    expect(await house.job(known)).toMatchObject({ agentId: "quick" });
    const note = await assignedOf(house, known);
    expect(note).toMatchObject({
      strategy: "ai_driven",
      why: expect.stringMatching(/^done in .* s, the soonest of 2/),
    });
    expect(note?.predictedMs).toBeGreaterThan(250);
    expect(note?.predictedMs).toBeLessThan(1000);
    expect(note?.errorPercent).toBeLessThan(40);
    const { models } = (await house.api("GET", "/api/v1/models")).body;
    expect(models).toMatchObject([{ name: "render_time", ready: true, reason: null, based_on: 25 }]);
    expect(models[0].agents).toMatchObject([{ agent_id: "quick" }, { agent_id: "slow" }]);
    expect(models[0].agents[1].times_as_long).toBeGreaterThan(3 * models[0].agents[0].times_as_long);
    await house.stop();
    await house.start();
    // It was made again from what is stored, and says the same. The estimate of a render comes from it, too.
    const again = (await house.api("GET", "/api/v1/models")).body.models[0];
    expect(again).toMatchObject({ ready: true, based_on: 25, error_percent: models[0].error_percent });
    const film = { id: "estimated", width: 64, height: 48, duration: 5, elements: [{ type: "shape" }] };
    const asked = await house.api("POST", "/api/v1/orchestrate", film, { Prefer: "respond-async" });
    expect(asked.body.estimate).toMatchObject({ method: "model", based_on: 25, error_percent: again.error_percent });
    expect(asked.body.estimate.p90_ms).toBeGreaterThanOrEqual(asked.body.estimate.p10_ms);
    await house.agent(renderer("slow", 900));
    await house.agent(renderer("quick", 100));
    const later = await render(house, "later", 5);
    expect(await assignedOf(house, later)).toMatchObject({ agentId: "quick", strategy: "ai_driven" });
    // Performance goes by pace alone, and knows it, too.
    const other = await render(house, "other", 5, { placement: "performance_based" });
    expect(await assignedOf(house, other)).toMatchObject({ agentId: "quick", strategy: "performance_based" });
  });

  test("agents by whose fault their last jobs failed are passed over while there are others, unless that is switched off", async () => {
    await using house = await House.open({ configuration: {} });
    const error = { code: "ENCODER_FAILED", message: "The encoder died.", detail: { fault: "encoder" } };
    const failing = {
      ...{ agentId: "a-failing", slots: 9 },
      onAssign: (self: SeedAgent, given: Assignment) => {
        self.ack(given);
        self.send("agent.job.stopped", { jobId: given.jobId, status: "FAILED", error });
      },
    };
    await house.agent(failing);
    for (let n = 0; n < 3; n += 1) await house.jobIn((await house.submit()).id, "FAILED");
    await house.agent({ agentId: "b-good", slots: 2 });
    await house.jobIn((await house.submit()).id, "RUNNING");
    const second = await house.submit();
    await house.jobIn(second.id, "RUNNING");
    expect(await house.job(second.id)).toMatchObject({ agentId: "b-good" });
    // There is no other one left.
    await house.jobIn((await house.submit()).id, "FAILED");
    await house.agent({ agentId: "c-good", slots: 1 });
    await house.api("PUT", "/api/v1/config", { resilience: { failoverEnabled: false } });
    await house.jobIn((await house.submit({ placement: "round_robin" })).id, "FAILED");
  });
});
