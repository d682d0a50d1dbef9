import { describe, expect, test } from "@jest/globals";
import { resourcesReplySchema, scalingAdviceSchema } from "@stream-control/protocol";
import { temporaryFolder, waitFor } from "@stream-control/test-kit";
import { House } from "./house.js";
import type { SeedAgent } from "./seed-agent.js";
import { hookOf, openHouse } from "./webhook-house.js";
import { Receiver } from "./webhook-receiver.js";

const FILM = { width: 3840, height: 2160, elements: [{ type: "shape", duration: 5 }] };
const SOON = { Prefer: "respond-async" };
const MACHINE = { cpu: 4, memoryMiB: 65_536 };
/** It takes renders and lets them run. */
const RENDERER = {
  ...{ slots: 10, features: ["renders"] },
  onAssign: (agent: SeedAgent, assignment: { jobId: string; msgId: string }) => agent.ack(assignment),
};
const STREAM = { source: { type: "test" }, video: { width: 1280, height: 720 } };

describe("an agent that says what its machine has", () => {
  test("is given no more than that, while slots are free; who waits is told what is missing", async () => {
    await using folder = await temporaryFolder();
    await using house = await House.open({ mediaDir: folder.path });
    const agent = await house.agent({ ...RENDERER, agentId: "big", resources: MACHINE });
    for (const id of ["a", "b", "c"]) await house.api("POST", "/api/v1/orchestrate", { ...FILM, id }, SOON);
    const state = async (id: string) => (await house.api("GET", `/api/v1/jobs/${id}/status`)).body;
    await waitFor(() => agent.assignments.length === 2);
    expect((await state("c")).message).toContain("no processor cores left");
    const jobs = (await house.api("GET", "/v1/jobs")).body;
    const { id: third } = jobs[2];
    expect((await house.api("GET", `/v1/jobs/${third}`)).body.passedOver).toEqual([
      { agentId: "big", code: "CPU", message: "It has 0 processor cores left; the job needs 2." },
    ]);

    const { body } = await house.api("GET", "/api/v1/resources");
    expect(resourcesReplySchema.parse(body)).toEqual(body);
    expect(body.agents).toMatchObject([
      {
        ...{ agentId: "big", slots: 10, slotsUsed: 2, capacity: MACHINE, reserved: { cpu: 4, gpu: 0 } },
        utilization: { cpu: 1, slots: 0.2 },
        reservations: [
          { id: `res_${jobs[0].id}_1`, jobId: jobs[0].id, epoch: 1, reserved: { cpu: 2 } },
          { id: `res_${jobs[1].id}_1` },
        ],
      },
    ]);
    expect(body).toMatchObject({
      totals: { agents: 1, connected: 1, capacity: MACHINE, reserved: { cpu: 4 } },
      waiting: { jobs: 1, needed: { cpu: 2 } },
    });
    // The end of an assignment is the end of its reservation.
    agent.stopped(jobs[0].id);
    await waitFor(() => agent.assignments.length === 3);
    expect((await house.api("GET", "/api/v1/resources")).body.totals.reserved.cpu).toBe(4);
  });

  test("takes usual streams as before, and one that says nothing is judged by its slots alone", async () => {
    await using house = await House.open();
    const small = await house.agent({ agentId: "small", slots: 4, resources: { cpu: 2, memoryMiB: 2048 } });
    for (let job = 0; job < 4; job += 1) await house.submit({ inlineConfig: STREAM });
    await waitFor(() => small.assignments.length === 4);
    await using silent = await house.agent({ agentId: "silent", slots: 3 });
    const large = { ...STREAM, video: { width: 7680, height: 4320, preset: "slow" } };
    for (let job = 0; job < 3; job += 1) await house.submit({ inlineConfig: large });
    await waitFor(() => silent.assignments.length === 3);
    const { agents } = (await house.api("GET", "/api/v1/resources")).body;
    expect(agents[0]).toMatchObject({ agentId: "silent", capacity: {}, utilization: { slots: 1 } });
  });

  test("is given nothing that does not fit on its disk, as it says with its heartbeats", async () => {
    await using house = await House.open();
    const agent = await house.agent({ agentId: "full", slots: 4, resources: MACHINE });
    agent.send("agent.heartbeat", { load: { diskFreeMiB: 100 } });
    await waitFor(async () => (await house.api("GET", "/api/v1/resources")).body.totals.capacity.diskMiB === 100);
    const recording = { ...STREAM, destinations: [{ type: "file", path: "a.mkv" }] };
    const { id } = await house.submit({ inlineConfig: recording });
    const waits = await house.jobWhere(id, ({ passedOver }) => passedOver?.length === 1, "passed over");
    expect(waits).toMatchObject({ passedOver: [{ code: "DISK" }] });
    expect(waits.pendingReason).toContain("make room");
    agent.send("agent.heartbeat", { load: { diskFreeMiB: 100_000 } });
    await waitFor(() => agent.assignments.length === 1);
  });

  test("gives back what it holds for an assignment that it does not answer, after what operators set", async () => {
    await using house = await House.open();
    await house.api("PUT", "/api/v1/config", { resources: { resourceReservationTimeout: 1000 } });
    await house.agent({ agentId: "deaf", resources: MACHINE, onAssign: () => {} });
    const { id } = await house.submit({ inlineConfig: STREAM });
    const other = house.agent({ agentId: "other", resources: MACHINE });
    await house.jobWhere(id, ({ agentId }) => agentId === "other", "at the other one");
    await other;
    const { agents } = (await house.api("GET", "/api/v1/resources")).body;
    expect(agents).toMatchObject([
      { agentId: "deaf", reserved: { cpu: 0, memoryMiB: 0 }, reservations: [] },
      { agentId: "other", reservations: [{ id: `res_${id}_2` }] },
    ]);
  });
});

describe("what jobs of a kind need", () => {
  test("is what such jobs really used, once some ran for long enough, also after a restart", async () => {
    await using house = await House.open();
    let agent = await house.agent({ slots: 4, resources: MACHINE, modern: {} });
    for (let job = 0; job < 3; job += 1) {
      const { id } = await house.submit({ inlineConfig: STREAM });
      await house.jobIn(id, "RUNNING");
      for (let sample = 0; sample < 30; sample += 1)
        agent.send("agent.job.update", {
          jobId: id,
          status: "RUNNING",
          epoch: 1,
          progress: { cpuPercent: 200, memoryMiB: 300 },
        });
      await house.api("POST", `/v1/jobs/${id}/stop`);
      await house.jobIn(id, "STOPPED");
    }
    await house.stop();
    await house.start();
    agent = await house.agent({ slots: 4, resources: MACHINE, modern: {} });
    const { id } = await house.submit({ inlineConfig: STREAM });
    await house.jobIn(id, "RUNNING");
    const { totals } = (await house.api("GET", "/api/v1/resources")).body;
    // Two cores and 300 MiB, with a tenth to spare, rounded up.
    expect(totals.reserved).toMatchObject({ cpu: 2.25, memoryMiB: 384 });
    const next = await house.submit({ inlineConfig: STREAM });
    const waits = await house.jobWhere(next.id, ({ passedOver }) => passedOver?.length === 1, "passed over");
    expect(waits.passedOver).toMatchObject([{ code: "CPU" }]);
  });
});

describe("scaling", () => {
  test("is advised as a number with its reason, of a room and of all", async () => {
    await using house = await House.open();
    await house.agent({ agentId: "one", slots: 2 });
    for (let job = 0; job < 5; job += 1) await house.submit({ inlineConfig: STREAM });
    await house.submit({ inlineConfig: STREAM, room: "attic" });
    const advised = async (query: string) => (await house.api("GET", `/api/v1/scaling${query}`)).body;
    await waitFor(async () => (await advised("?room=default")).runningJobs === 2);
    const advice = await advised("?room=default");
    expect(scalingAdviceSchema.parse(advice)).toEqual(advice);
    expect(advice).toMatchObject({
      room: "default",
      desiredAgents: 3,
      currentAgents: 1,
      desiredSlots: 5,
      waitingJobs: 3,
    });
    expect(advice.reason).toBe("2 streams on air and 3 waiting: 5 slots, 2 to an agent.");
    expect(await advised("")).toMatchObject({ room: null, desiredAgents: 4, currentAgents: 1, currentSlots: 2 });
    expect((await house.api("GET", "/api/v1/resources")).body.scaling).toHaveLength(2);
    // Who waits for a moment of its own waits for no agent.
    const later = new Date(Date.now() + 3_600_000).toISOString();
    await house.submit({ inlineConfig: STREAM, schedule: { startAt: later } });
    expect(await advised("?room=default")).toMatchObject({ waitingJobs: 3 });
  });

  test("is told to webhooks that name it when it changes, and to nobody where that is switched off", async () => {
    await using house = await openHouse();
    await using receiver = await Receiver.open();
    await using others = await Receiver.open();
    await hookOf(house, receiver.url, { events: ["scaling.*"] });
    await hookOf(house, others.url, { events: ["*"] });
    await house.agent({ agentId: "one", slots: 2 });
    for (let job = 0; job < 3; job += 1) await house.submit({ inlineConfig: STREAM });
    const [told] = await receiver.ofType("scaling.advice_changed");
    expect(told?.body).toMatchObject({
      data: { room: "default", desiredAgents: 2, currentAgents: 1, message: expect.stringContaining("2 agents") },
    });
    expect((await house.api("GET", "/v1/audit?type=scaling.advice_changed")).body.items).toHaveLength(1);
    await house.api("PUT", "/api/v1/config", {
      resources: { autoScalingEnabled: false },
      loadBalancing: { healthCheckInterval: 1000 },
    });
    for (let job = 0; job < 3; job += 1) await house.submit({ inlineConfig: STREAM });
    await others.ofType("job.created", 6);
    expect(receiver.received).toHaveLength(1);
    await house.api("PUT", "/api/v1/config", { resources: { autoScalingEnabled: true } });
    await waitFor(() => receiver.received.length === 2);
    expect(others.types.some((type) => type.startsWith("scaling."))).toBe(false);
  });
});
