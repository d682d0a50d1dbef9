import { describe, expect, test } from "@jest/globals";
import { RawClient } from "@stream-control/test-kit";
import { GuardedHouse } from "./guarded-house.js";
import { House } from "./house.js";

/** The smallest thing that begins as a JPEG does, and one that is none. */
const jpeg = (...tail: number[]) => Buffer.from([0xff, 0xd8, 0xff, ...tail]).toString("base64");
const TAKEN = "2026-01-02T03:04:05.678Z";
const shot = (jobId: string, data: string, fields: object = {}) => ({
  ...{ jobId, takenAt: TAKEN, contentType: "image/jpeg", data },
  ...fields,
});

async function onAir(house: House) {
  const agent = await house.agent({ agentId: "encoder-1", modern: {} });
  const { id } = await house.submit();
  await house.jobIn(id, "RUNNING");
  return { agent, id };
}

describe("the picture of a job", () => {
  test("is served as it was sent, told to pages, and gone with the end", async () => {
    await using house = await House.open();
    const page = await house.page();
    const { agent, id } = await onAir(house);
    const path = `${house.url}/v1/jobs/${id}/snapshot`;
    expect((await house.api("GET", `/v1/jobs/${id}/snapshot`)).status).toBe(404);
    agent.send("agent.job.snapshot", shot(id, jpeg(1, 2, 3)));
    expect((await page.next("ui.job.snapshot")).payload).toEqual({ jobId: id, takenAt: TAKEN });
    const answer = await fetch(path);
    expect(
      Object.fromEntries(["content-type", "last-modified"].map((name) => [name, answer.headers.get(name)])),
    ).toEqual({ "content-type": "image/jpeg", "last-modified": new Date(TAKEN).toUTCString() });
    expect([...new Uint8Array(await answer.arrayBuffer())]).toEqual([0xff, 0xd8, 0xff, 1, 2, 3]);
    // By hand, because fetch asks past every cache where it is given the header.
    await using client = await RawClient.open(house.port);
    const lines = [`GET /v1/jobs/${id}/snapshot HTTP/1.1`, "Host: 127.0.0.1"];
    client.send([...lines, `If-None-Match: ${answer.headers.get("etag")}`, "", ""].join("\r\n"));
    expect(await client.status()).toBe(304);
    agent.stopped(id);
    await house.jobIn(id, "STOPPED");
    expect((await fetch(path)).status).toBe(404);
    expect((await house.api("GET", "/v1/jobs/unknown/snapshot")).status).toBe(404);
  });

  test("is taken only where it is a JPEG of a bearable size, and not more often than anybody could look", async () => {
    await using house = await House.open();
    const { agent, id } = await onAir(house);
    const path = `${house.url}/v1/jobs/${id}/snapshot`;
    for (const data of [Buffer.from("<svg onload=alert(1)>").toString("base64"), "####", ""])
      agent.send("agent.job.snapshot", shot(id, data));
    agent.send("agent.job.snapshot", shot(id, jpeg(9), { contentType: "image/svg+xml" }));
    agent.send("agent.job.snapshot", shot(id, Buffer.alloc(530_000, jpeg(1), "base64").toString("base64")));
    await agent.roundTrip();
    expect((await fetch(path)).status).toBe(404);
    for (const tail of [1, 2, 3]) agent.send("agent.job.snapshot", shot(id, jpeg(tail)));
    await agent.roundTrip();
    expect([...new Uint8Array(await (await fetch(path)).arrayBuffer())]).toEqual([0xff, 0xd8, 0xff, 1]);
  });

  test("is for viewers of the job's room", async () => {
    await using guarded = await GuardedHouse.open();
    const { house, admin } = guarded;
    const agent = await house.agent({ agentId: "encoder-1", room: "hall" });
    const { body } = await admin.api("POST", "/v1/jobs", { room: "hall", inlineConfig: { kind: "test" } });
    await agent.assignmentOf(body.id);
    agent.send("agent.job.snapshot", shot(body.id, jpeg(1)));
    await agent.roundTrip();
    const hall = await guarded.let({ hall: "viewer" });
    const annex = await guarded.let({ annex: "admin" });
    const path = `/v1/jobs/${body.id}/snapshot`;
    expect((await hall.api("GET", path)).status).toBe(200);
    expect((await annex.api("GET", path)).status).toBe(404);
    expect((await guarded.stranger.api("GET", path)).status).toBe(401);
  });
});

describe("the load of an agent", () => {
  test("is shown as it was said last, told when it changes, and unknown while it is away", async () => {
    await using house = await House.open();
    const page = await house.page();
    const agent = await house.agent({ agentId: "encoder-1" });
    const load = { cpuPercent: 40, memoryUsedMiB: 1000, memoryTotalMiB: 8000, networkTxKbps: 6000 };
    agent.send("agent.heartbeat", { load });
    await page.next("ui.agent.update", (told) => told.load?.cpuPercent === 40);
    const since = page.received.length;
    agent.send("agent.heartbeat", { load: { ...load, cpuPercent: 41 } });
    agent.send("agent.heartbeat", { load: { cpuPercent: "much" } });
    await agent.roundTrip();
    expect((await house.api("GET", "/v1/agents/encoder-1")).body.load).toEqual({ ...load, cpuPercent: 41 });
    agent.send("agent.heartbeat", { load: { ...load, cpuPercent: 90 } });
    await page.next("ui.agent.update", (told) => told.load?.cpuPercent === 90, { since });
    const told = page.received.slice(since).filter(({ type }) => type === "ui.agent.update");
    expect(told.map(({ payload }) => payload.load.cpuPercent)).toEqual([90]);
    agent.socket.terminate();
    expect((await house.agentIn("encoder-1", "OFFLINE")).load).toBeNull();
  });
});
