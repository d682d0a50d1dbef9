import { describe, expect, test } from "@jest/globals";
import { type AgentMessageType, agentMessagePayloads } from "@stream-control/protocol";
import { House } from "./house.js";
import { StreamSocket, send, someStream, watch } from "./preview-kit.js";
import type { SeedAgent } from "./seed-agent.js";

const CONFIG = {
  source: { type: "test" },
  destinations: [{ type: "rtmp", id: "one", url: "rtmp://one.example/live" }],
};
const NO_PAUSES = { maxRestarts: 3, baseMs: 1, maxMs: 1, goodRunMs: 60_000 };

interface Claim {
  jobId: string;
  epoch: number;
  /** Of a command to the job's agent that is not answered yet. */
  commandId: string;
}

/** What an agent can say of a job; of each kind of message every way to do harm with it. */
const CLAIMS: Record<AgentMessageType, (claim: Claim) => object[]> = {
  "agent.hello": ({ jobId, epoch }) =>
    ["RUNNING", "STOPPING", "FAILED"].map((status) => ({ activeJobs: [{ jobId, status, epoch }] })),
  "agent.heartbeat": ({ jobId, epoch }) => [{ jobId, epoch }],
  "agent.assign.ack": ({ jobId, epoch }) => [
    { jobId, epoch, accepted: true },
    { jobId, epoch, accepted: false, error: { code: "CONFIG_INVALID", message: "refused by an impostor" } },
  ],
  "agent.job.update": ({ jobId, epoch }) =>
    ["STARTING", "STOPPING", "STOPPED", "FAILED"].map((status) => ({
      ...{ jobId, epoch, status, progress: { frame: 987_654 } },
    })),
  "agent.job.log": ({ jobId, epoch }) => [{ jobId, epoch, level: "error", message: "said by an impostor" }],
  "agent.job.stopped": ({ jobId, epoch }) =>
    ["STOPPED", "FAILED"].map((status) => ({ ...{ jobId, epoch, status, progress: { frame: 987_654 } } })),
  "agent.error": ({ jobId }) => [{ jobId, code: "FFMPEG_EXITED", message: "said by an impostor" }],
  "agent.job.event": ({ jobId, epoch }) => [{ jobId, epoch, type: "stream.fake", message: "said by an impostor" }],
  "agent.job.snapshot": ({ jobId, epoch }) => [
    { jobId, epoch, takenAt: new Date().toISOString(), contentType: "image/jpeg", data: "/9j/2Q==" },
  ],
  "agent.job.command.ack": ({ jobId, commandId }) => [{ jobId, commandId, success: true }],
  "agent.probe.result": ({ commandId }) => [
    { probeId: commandId, success: true, probe: { firstPacketMs: 1, streams: [{ type: "other" }] } },
  ],
  "agent.job.mute": ({ jobId }) => [{ jobId, success: true }],
  "agent.job.unmute": ({ jobId }) => [{ jobId, success: false, error: { code: "X", message: "by an impostor" } }],
  "agent.job.paused": ({ jobId }) => [{ jobId, success: true }],
  "agent.job.unpaused": ({ jobId }) => [{ jobId, success: false }],
  "agent.reboot.ack": ({ jobId }) => [{ jobId, accepted: true }],
};

/** Messages that carry no epoch: which try of a job they are about can't be told. */
const WITHOUT_EPOCH: AgentMessageType[] = [
  ...(["agent.hello", "agent.heartbeat", "agent.error", "agent.job.command.ack", "agent.reboot.ack"] as const),
  ...(["agent.probe.result"] as const),
  ...(["agent.job.mute", "agent.job.unmute", "agent.job.paused", "agent.job.unpaused"] as const),
];

const types = Object.keys(agentMessagePayloads) as AgentMessageType[];

/** Says everything on an agent's socket, in its own name and in that of another. */
function claim(agent: SeedAgent, said: readonly AgentMessageType[], about: Claim, nameOf: string) {
  for (const type of said)
    for (const payload of CLAIMS[type](about)) {
      if (type === "agent.hello") agent.hello(payload);
      else for (const agentId of [agent.agentId, nameOf]) agent.send(type, payload, { agentId });
    }
}

/** All that anybody can see of a job. */
async function seen(house: House, id: string) {
  const parts = [`/v1/jobs/${id}`, `/v1/jobs/${id}/events?limit=1000`, `/v1/jobs/${id}/logs`];
  return (await Promise.all(parts.map((path) => house.api("GET", path)))).map(({ body }) => body);
}

describe("an agent speaks for nobody but itself", () => {
  test("whatever it says of another's job changes nothing, and its agent hears nothing of it", async () => {
    await using house = await House.open();
    const rightful = await house.agent({ agentId: "rightful", features: ["destinations"], modern: {} });
    const { id } = await house.submit({ inlineConfig: CONFIG, restartPolicy: "onFailure" });
    await house.jobIn(id, "RUNNING");
    const { epoch } = await rightful.assignmentOf(id);
    const asked = house.api("DELETE", `/v1/jobs/${id}/destinations/one`);
    const command = await rightful.next("orchestrator.job.destination.remove");
    const before = await seen(house, id);
    const heard = rightful.received.length;

    const impostor = await house.agent({ agentId: "impostor", modern: {} });
    claim(impostor, types, { jobId: id, epoch, commandId: command.payload.commandId }, "rightful");
    await impostor.roundTrip();
    // What it said goes through the same ledger before what comes now.
    const own = await house.submit();
    await house.jobIn(own.id, "RUNNING");

    expect(await seen(house, id)).toEqual(before);
    expect(rightful.received.slice(heard)).toEqual([]);
    expect(await house.agentIn("rightful", "RUNNING")).toMatchObject({ currentJobId: id, error: null });
    // The command still waits for the answer of the agent that was asked.
    rightful.send("agent.job.command.ack", { jobId: id, commandId: command.payload.commandId, success: false });
    expect(await asked).toMatchObject({ status: 422, body: { code: "AGENT_REFUSED" } });
    // Who claims to run another's job is told to end it.
    await impostor.next("orchestrator.job.stop", (stop) => stop.jobId === id && stop.reason === "NOT_YOURS");
  });

  test("what it says of an earlier try of its own job changes nothing of the present one", async () => {
    await using house = await House.open({ restart: NO_PAUSES });
    const agent = await house.agent({ agentId: "again", features: ["destinations"], modern: {} });
    const { id } = await house.submit({ inlineConfig: CONFIG, restartPolicy: "onFailure" });
    await house.jobIn(id, "RUNNING");
    const { epoch } = await agent.assignmentOf(id);
    agent.fail(id);
    await agent.assignment(1);
    await house.jobIn(id, "RUNNING");
    const before = await seen(house, id);
    const withEpoch = types.filter((type) => !WITHOUT_EPOCH.includes(type));
    claim(agent, withEpoch, { jobId: id, epoch, commandId: "none" }, "again");
    await agent.roundTrip();
    const other = await house.agent({ agentId: "other" });
    const { id: later } = await house.submit();
    await other.assignmentOf(later);
    expect(await seen(house, id)).toEqual(before);
  });

  test("whoever watches a job sees what its own agent sends, and hears nothing of others", async () => {
    await using house = await House.open();
    const rightful = await house.agent({ agentId: "rightful", features: ["preview"], modern: {} });
    const { id } = await house.submit({ inlineConfig: CONFIG });
    await house.jobIn(id, "RUNNING");
    const impostor = await house.agent({ agentId: "impostor", features: ["preview"], modern: {} });
    await using viewer = await watch(house, id);
    const asked = await rightful.next("orchestrator.job.preview");
    const { commandId, ticket } = asked.payload;
    // It cannot answer for the one that was asked, whether it says yes or no.
    impostor.send("agent.job.command.ack", { jobId: id, commandId, success: true });
    impostor.send("agent.job.command.ack", { jobId: id, commandId, success: false });
    await impostor.roundTrip();
    const open = (query: string) => StreamSocket.open(`${house.agentUrl}/preview?ticket=${query}`);
    await expect(open(`${ticket.slice(1)}A`)).rejects.toThrow("401");
    await using source = await open(ticket);
    await expect(open(ticket)).rejects.toThrow("401");
    rightful.send("agent.job.command.ack", { jobId: id, commandId, success: true });
    send(source, await someStream());
    await viewer.got(10_000);
    expect(impostor.ofType("orchestrator.job.preview")).toEqual([]);
  });

  test("a hello in another's name on its socket ends that socket, and the other stays", async () => {
    await using house = await House.open();
    const rightful = await house.agent({ agentId: "rightful" });
    const impostor = await house.agent({ agentId: "impostor" });
    impostor.hello({ agentId: "rightful", name: "Renamed" });
    expect(await impostor.closed).toMatchObject({ code: 4002, reason: "a socket speaks for one agent only" });
    expect(await house.agentIn("rightful", "IDLE")).toMatchObject({ name: "Streaming Agent rightful" });
    expect(rightful.socket.readyState).toBe(rightful.socket.OPEN);
  });
});
