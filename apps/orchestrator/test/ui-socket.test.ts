import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { describe, expect, test } from "@jest/globals";
import { measured, waitFor } from "@stream-control/test-kit";
import { House } from "./house.js";

const snapshot = async (house: House, query = "") => {
  const page = await house.page(query);
  await page.next("ui.job.update");
  return page;
};

describe("a page that connects", () => {
  test("gets all agents and all jobs as two arrays, then objects", async () => {
    await using house = await House.open();
    await house.agent();
    const running = await house.submit();
    await house.jobIn(running.id, "RUNNING");
    const waiting = await house.submit();
    const ended = await house.submit();
    await house.api("POST", `/v1/jobs/${ended.id}/stop`);
    const page = await snapshot(house);
    expect(page.received.map(({ type }) => type)).toEqual(["ui.agent.update", "ui.job.update"]);
    const [agents, jobs] = page.received;
    expect(agents?.payload).toEqual((await house.api("GET", "/v1/agents")).body);
    expect(jobs?.payload).toEqual((await house.api("GET", "/v1/jobs")).body);
    expect(jobs?.payload.map(({ id }: { id: string }) => id)).toEqual([running.id, waiting.id, ended.id]);

    const fresh = await house.submit();
    const told = await page.next("ui.job.update", (payload) => payload.id === fresh.id);
    expect(told.payload).toMatchObject({ id: fresh.id, status: "PENDING", pendingReason: expect.any(String) });
    for (const { type, payload } of page.received.slice(2)) {
      expect(type).toMatch(/^ui\./);
      expect(Array.isArray(payload)).toBe(false);
    }
  });

  test("gets two empty arrays from an empty orchestrator", async () => {
    await using house = await House.open();
    const page = await snapshot(house);
    expect(page.received.map(({ payload }) => payload)).toEqual([[], []]);
  });

  test("gets the whole of a large snapshot and stays", async () => {
    await using house = await House.open();
    // Together more than the page may leave unread of what comes later.
    const pad = "x".repeat(900_000);
    for (let n = 0; n < 6; n += 1) await house.submit({ metadata: { pad } });
    const page = await snapshot(house);
    expect(page.ofType("ui.job.update")[0]?.payload).toHaveLength(6);
    const { id } = await house.submit();
    await page.next("ui.job.update", (payload) => payload.id === id);
  });

  test("is told by the snapshot why a job waits, and again only when that changes", async () => {
    await using house = await House.open();
    const { id } = await house.submit();
    const elsewhere = await house.submit({ room: "hall" });
    await using page = await snapshot(house);
    const told = page.received.length;
    await house.agent({ agentId: "full", room: "hall", slots: 0 });
    // Reasons of all waiting jobs are looked at together.
    await page.next("ui.job.update", ({ id }) => id === elsewhere.id, { since: told });
    const jobs = page.received.slice(told).filter(({ type }) => type === "ui.job.update");
    expect(jobs.map(({ payload }) => payload.id)).toEqual([elsewhere.id]);
    expect(page.ofType("ui.job.update")[0]?.payload[0]).toMatchObject({ id, pendingReason: expect.any(String) });
  });
});

describe("a page that is connected", () => {
  test("is told every change of jobs and agents, and what the log says", async () => {
    await using house = await House.open();
    const page = await snapshot(house);
    const agent = await house.agent();
    await page.next("ui.agent.update", ({ state }) => state === "IDLE");
    const { id } = await house.submit();
    await page.next("ui.job.update", (payload) => payload.id === id && payload.status === "RUNNING");
    await page.next("ui.agent.update", ({ state, currentJobId }) => state === "RUNNING" && currentJobId === id);
    await house.api("POST", `/v1/jobs/${id}/stop`);
    await page.next("ui.job.update", (payload) => payload.status === "STOPPED");
    await page.next("ui.agent.update", ({ state, currentJobId }) => state === "IDLE" && currentJobId === null);
    await agent.cut();
    await page.next("ui.agent.update", ({ state }) => state === "OFFLINE");
    const statuses = page.ofType("ui.job.update").map(({ payload }) => payload.status);
    expect(statuses.slice(1)).toEqual(["PENDING", "ASSIGNED", "ACCEPTED", "RUNNING", "STOPPING", "STOPPED"]);
    const events = page.ofType("ui.job.event");
    expect(events.map(({ payload }) => payload.type)).toEqual([
      "job.created",
      "job.assigned",
      "job.accepted",
      "job.running",
      "job.stopping",
      "job.stopped",
    ]);
    expect(events[0]?.payload).toMatchObject({
      jobId: id,
      message: expect.any(String),
      ts: expect.any(String),
      seq: 1,
    });
  });

  test("is told the progress, which is not stored each second", async () => {
    await using house = await House.open();
    const agent = await house.agent();
    const { id } = await house.submit();
    const { updatedAt } = await house.jobIn(id, "RUNNING");
    const page = await snapshot(house);
    for (let frame = 1; frame <= 5; frame += 1) {
      agent.update(id, "RUNNING", { progress: { frame, fps: 30 } });
      const told = await page.next("ui.job.update", (payload) => payload.progress?.frame === frame);
      expect(told.payload).toMatchObject({ id, status: "RUNNING", updatedAt });
    }
    agent.send("agent.job.log", { jobId: id, level: "error", message: "Broken pipe." });
    const line = await page.next("ui.job.event", ({ type }) => type === "job.log");
    expect(line.payload).toMatchObject({ jobId: id, message: "Broken pipe.", data: { level: "error" } });
    expect(await house.eventsOf(id)).toHaveLength(4);
  });

  test("is told when a waiting job waits for another reason", async () => {
    await using house = await House.open();
    const { id } = await house.submit();
    const page = await snapshot(house);
    await house.agent({ drain: true });
    await page.next("ui.job.update", (payload) => payload.id === id && /draining/.test(payload.pendingReason ?? ""));
  });

  test("may say what it likes; nobody listens", async () => {
    await using house = await House.open();
    const page = await snapshot(house);
    for (const text of ["{", "hello", JSON.stringify({ type: "agent.hello", payload: {} })]) page.sendRaw(text);
    const { id } = await house.submit();
    await page.next("ui.job.update", (payload) => payload.id === id);
  });
});

describe("a page that comes back with ?since=", () => {
  test("gets the events that it missed, each once and in order, also while more are made", async () => {
    await using house = await House.open();
    const { id } = await house.submit();
    const first = await snapshot(house);
    const since = first.ofType("ui.job.update")[0]?.seq ?? 0;
    expect(since).toBe(1);
    await first.cut();
    const write = (viewers: number) => house.api("PUT", `/v1/jobs/${id}/metadata`, { viewers });
    for (let n = 1; n <= 20; n += 1) await write(n);
    // Pages come back while the log grows under them.
    const writing = (async () => {
      for (let n = 21; n <= 60; n += 1) await write(n);
    })();
    const pages = [];
    for (let n = 0; n < 5; n += 1) pages.push(await house.page(`?since=${since}`));
    await writing;
    const { body } = await house.api("GET", `/v1/jobs/${id}/events?limit=1000`);
    const missed = body.items.filter(({ seq }: { seq: number }) => seq > since);
    expect(missed).toHaveLength(60);
    for (const page of pages) {
      await page.next("ui.job.event", ({ seq }) => seq === since + 60);
      expect(page.ofType("ui.job.event").map(({ payload }) => payload)).toEqual(missed);
      expect(page.received.slice(0, 2).map(({ payload }) => Array.isArray(payload))).toEqual([true, true]);
    }
  });

  test("of the future gets nothing old", async () => {
    await using house = await House.open();
    await house.submit();
    const page = await snapshot(house, "?since=999999");
    const { id } = await house.submit();
    await page.next("ui.job.event", ({ jobId }) => jobId === id);
    expect(page.ofType("ui.job.event")).toHaveLength(1);
  });
});

describe("a page that does not read", () => {
  /** Shakes hands for a WebSocket by hand and then leaves everything in the system's buffers. */
  async function deafPage(port: number): Promise<Socket> {
    const socket = connect({ port, host: "127.0.0.1" });
    await once(socket, "connect");
    socket.on("error", () => undefined);
    socket.write(
      "GET /ui HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    await once(socket, "data");
    socket.pause();
    return socket;
  }

  test("is closed and costs bounded memory, while another goes on", async () => {
    await using house = await House.open();
    const { id } = await house.submit();
    const reader = await snapshot(house);
    const deaf = await deafPage(house.port);
    try {
      const text = "x".repeat(400_000);
      let sent = 0;
      // Each change reaches a page as an update with the text; far more of them than buffers and allowance hold.
      await waitFor(
        async () => {
          sent += 1;
          await house.api("PUT", `/v1/jobs/${id}/metadata`, { viewers: sent, note: text });
          return sent >= 150;
        },
        { everyMs: 0, deadlineMs: 25_000 },
      );
      await reader.next("ui.job.update", (payload) => payload.streamMetadata?.viewers === sent);
      reader.received.length = 0;
      // What is left to read ends, because the orchestrator has cut it off, and is little of the sixty megabytes.
      let kept = 0;
      deaf.on("data", (data) => {
        kept += data.length;
      });
      deaf.resume();
      await once(deaf, "close");
      expect(kept).toBeLessThan(25_000_000);
      const backAt = performance.now();
      const again = await house.page("?since=1");
      await again.next("ui.job.update", (jobs) => jobs[0]?.streamMetadata?.viewers === sent);
      measured("a page does not read", { from: backAt, to: performance.now() });
    } finally {
      deaf.destroy();
    }
  });
});

test("a page that was away for long gets all it missed, however much that is, before what is new", async () => {
  await using house = await House.open();
  const { id } = await house.submit();
  const write = (viewers: number) => house.api("PUT", `/v1/jobs/${id}/metadata`, { viewers });
  for (let n = 0; n < 2500; n += 100) await Promise.all(Array.from({ length: 100 }, (_, k) => write(1 + n + k)));
  const page = await house.page("?since=1");
  let going = true;
  const writing = (async () => {
    for (let n = 3000; going; n += 1) await write(n);
  })();
  const last = await page.next("ui.job.event", ({ seq }) => seq > 2600);
  going = false;
  await writing;
  const seqs = page.ofType("ui.job.event").map(({ payload }) => payload.seq);
  expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, n) => 2 + n));
  expect(seqs.length).toBeGreaterThanOrEqual(last.payload.seq - 1);
});
