import { describe, expect, test } from "@jest/globals";
import type { AuditEntry } from "@stream-control/protocol";
import { waitFor } from "@stream-control/test-kit";
import { House } from "./house.js";

const CONFIG = {
  source: { type: "test", pattern: "smptebars" },
  destinations: [{ type: "rtmp", url: "rtmp://a.example/live", streamKey: "k" }],
};
const entriesOf = async (house: House, query = ""): Promise<AuditEntry[]> =>
  (await house.api("GET", `/v1/audit?order=asc&limit=1000${query}`)).body.items;
/** The last line of a check: its report. */
const verify = async (house: House, query = "") => {
  const { status, text } = await house.api("GET", `/v1/audit/verify${query}`);
  expect(status).toBe(200);
  return JSON.parse(text.trim().split("\n").at(-1) ?? "").report;
};

/** An agent that does at once what it is told while a stream is on air. */
async function workingAgent(house: House, agentId = "agent-1") {
  const agent = await house.agent({ agentId, slots: 5, features: ["destinations", "input"] });
  agent.onMessage(({ type, payload: { jobId, commandId } }) => {
    if (commandId !== undefined) agent.send("agent.job.command.ack", { jobId, commandId, success: true });
    if (type === "orchestrator.job.mute") agent.send("agent.job.mute", { jobId, success: true });
  });
  return agent;
}

describe("who did what", () => {
  test("is told of every request that changes something, with where it came from", async () => {
    await using house = await House.open();
    await workingAgent(house);
    const { id } = await house.submit({ inlineConfig: CONFIG });
    await house.jobIn(id, "RUNNING");
    const template = { id: "t-1", name: "T", config: {} };
    const requests: [method: string, path: string, body: unknown, type: string, subject: string][] = [
      ["POST", "/v1/templates", template, "template.created", "template:t-1"],
      ["PUT", "/v1/templates/t-1", { name: "T2", config: {} }, "template.changed", "template:t-1"],
      ["DELETE", "/v1/templates/t-1", undefined, "template.deleted", "template:t-1"],
      ["POST", "/v1/agents/agent-1/drain", { drain: true }, "agent.drained", "agent:agent-1"],
      ["POST", "/v1/agents/agent-1/drain", { drain: false }, "agent.undrained", "agent:agent-1"],
      ["PUT", `/v1/jobs/${id}/metadata`, { title: "Final" }, "job.metadata", `job:${id}`],
      ["POST", `/v1/jobs/${id}/mute`, undefined, "job.mute_requested", `job:${id}`],
      ["POST", `/v1/jobs/${id}/unmute`, undefined, "job.unmute_requested", `job:${id}`],
      ["POST", `/v1/jobs/${id}/pause`, undefined, "job.pause_requested", `job:${id}`],
      ["POST", `/v1/jobs/${id}/unpause`, undefined, "job.unpause_requested", `job:${id}`],
      [
        "POST",
        `/v1/jobs/${id}/destinations`,
        { destination: { type: "file", path: "a.mp4", id: "d" } },
        "job.config_changed",
        `job:${id}`,
      ],
      ["DELETE", `/v1/jobs/${id}/destinations/d`, undefined, "job.config_changed", `job:${id}`],
      ["POST", `/v1/jobs/${id}/input`, { source: null }, "job.input_requested", `job:${id}`],
      [
        "POST",
        `/v1/jobs/${id}/input`,
        { source: { type: "test", pattern: "testsrc" } },
        "job.config_changed",
        `job:${id}`,
      ],
      ["POST", `/v1/jobs/${id}/stop`, undefined, "job.stopping", `job:${id}`],
      ["POST", "/v1/jobs", { inlineConfig: {} }, "job.created", "job:"],
      ["POST", "/v1/audit/erase", { actor: "nobody" }, "audit.erased", "log:events"],
    ];
    for (const [method, path, body, type, subject] of requests) {
      const before = (await house.api("GET", "/v1/audit/head")).body.seq;
      const { status } = await house.api(method, path, body);
      expect([path, status < 300]).toEqual([path, true]);
      const own = (await entriesOf(house, "&actor=local")).filter(({ seq }) => seq > before);
      expect(own).toEqual([
        expect.objectContaining({
          ...{ type, result: "ok", subject: expect.stringContaining(subject) },
          origin: { address: "127.0.0.1", userAgent: "node" },
        }),
      ]);
    }
    expect(await verify(house)).toMatchObject({ ok: true, problems: [] });
  });

  test("is the agent for what it reports, and the service for what it does by itself, whoever caused it", async () => {
    await using house = await House.open({ ackTimeoutMs: 100 });
    await house.agent({ agentId: "deaf", onAssign: () => undefined });
    const { id } = await house.submit();
    await waitFor(async () => (await entriesOf(house, "&type=job.unassigned")).length > 0);
    await workingAgent(house, "good");
    await house.jobIn(id, "RUNNING");
    await house.api("POST", `/v1/jobs/${id}/mute`);
    await house.api("POST", `/v1/jobs/${id}/stop`);
    await house.jobIn(id, "STOPPED");
    const actors = new Map((await entriesOf(house)).map(({ type, actor }) => [type, actor]));
    expect(Object.fromEntries(actors)).toEqual({
      ...{ "job.created": "local", "job.assigned": "system", "job.unassigned": "system" },
      ...{ "job.accepted": "agent:good", "job.running": "agent:good", "job.muted": "agent:good" },
      ...{ "job.mute_requested": "local", "job.stopping": "local", "job.stopped": "agent:good" },
    });
    const [stopped] = await entriesOf(house, "&type=job.stopped");
    expect(stopped?.origin?.address).toBe("127.0.0.1");
  });

  test("is told right while requests, reports and timers share their commits", async () => {
    await using house = await House.open();
    await Promise.all([1, 2, 3].map((n) => workingAgent(house, `agent-${n}`)));
    const jobs = await Promise.all(Array.from({ length: 40 }, () => house.submit()));
    await Promise.all(jobs.map(({ id }) => house.api("POST", `/v1/jobs/${id}/stop`)));
    await Promise.all(jobs.map(({ id }) => house.jobIn(id, "STOPPED", "CANCELED")));
    for (const { type, actor, data } of await entriesOf(house)) {
      if (type === "job.created" || type === "job.canceled" || type === "job.stopping")
        expect([type, actor]).toEqual([type, "local"]);
      if (type === "job.assigned") expect(actor).toBe("system");
      if (type === "job.stopped") expect(actor).toBe(`agent:${data?.agentId}`);
    }
    expect(await verify(house)).toMatchObject({ ok: true });
  });

  test("of failures and refusals can be looked for by their result", async () => {
    await using house = await House.open();
    const agent = await house.agent();
    const { id } = await house.submit();
    await house.jobIn(id, "RUNNING");
    agent.fail(id);
    await house.jobIn(id, "FAILED");
    const stranger = await house.stranger({ agentId: "agent-9", token: "wrong" });
    stranger.hello();
    await stranger.closed;
    const bad = await waitFor(async () => {
      const found = await entriesOf(house, "&result=failed,refused");
      return found.length > 1 && found;
    });
    expect(bad.map(({ type, actor, subject, result }) => [type, actor, subject, result])).toEqual([
      ["job.failed", "agent:agent-123", `job:${id}`, "failed"],
      ["agent.hello", "anonymous", "agent:agent-9", "refused"],
    ]);
    expect(JSON.stringify(bad)).not.toContain("wrong-");
  });

  test("of a flood of wrong tokens is bounded, and its number is written at the latest when the service stops", async () => {
    await using house = await House.open();
    for (let n = 0; n < 30; n += 1) {
      const stranger = await house.stranger({ agentId: `guess-${n}`, token: `wrong-${n}` });
      stranger.hello();
      expect((await stranger.closed).code).toBe(4001);
    }
    await house.stop();
    await house.start();
    const refused = await entriesOf(house, "&result=refused");
    expect(refused).toHaveLength(6);
    expect(refused.at(-1)).toMatchObject({ type: "agent.hello", data: { more: 25 }, origin: { address: "127.0.0.1" } });
  });
});

describe("job events", () => {
  test("are what they were: what is not a job's stays out of /ui and of the events of jobs", async () => {
    await using house = await House.open();
    await house.api("POST", "/v1/templates", { id: "t-1", name: "T", config: {} });
    const { id } = await house.submit();
    await house.api("DELETE", "/v1/templates/t-1");
    await house.api("POST", `/v1/jobs/${id}/stop`);
    const events = (await house.api("GET", `/v1/jobs/${id}/events`)).body.items;
    expect(events.map(({ seq, type }: { seq: number; type: string }) => [seq, type])).toEqual([
      [2, "job.created"],
      [4, "job.canceled"],
    ]);
    expect(Object.keys(events[0]).sort()).toEqual(["jobId", "message", "seq", "ts", "type"]);
    await using page = await house.page("?since=0");
    await page.next("ui.job.event", ({ seq }) => seq === 4);
    await house.api("POST", "/v1/templates", { id: "t-2", name: "T", config: {} });
    const last = await house.submit();
    await page.next("ui.job.event", ({ jobId }) => jobId === last.id);
    expect(page.ofType("ui.job.event").map(({ payload }) => payload.seq)).toEqual([2, 4, 6]);
  });
});

describe("/v1/audit", () => {
  test("pages, newest first unless asked otherwise, and refuses what it does not understand", async () => {
    await using house = await House.open();
    for (let n = 0; n < 5; n += 1) await house.submit();
    const first = (await house.api("GET", "/v1/audit?limit=2")).body;
    expect(first.items.map(({ seq }: AuditEntry) => seq)).toEqual([5, 4]);
    const next = (await house.api("GET", `/v1/audit?limit=3&cursor=${first.nextCursor}`)).body;
    expect([next.items.map(({ seq }: AuditEntry) => seq), next.nextCursor]).toEqual([[3, 2, 1], null]);
    for (const query of ["since=yesterday", "result=good", "limit=0", "cursor=x", "order=up", "type="])
      expect([query, (await house.api("GET", `/v1/audit?${query}`)).status]).toEqual([query, 400]);
    expect((await house.api("GET", "/v1/audit/verify?expect=5")).status).toBe(400);
    for (const body of [{}, { actor: "a", name: "b" }, { actor: "" }])
      expect((await house.api("POST", "/v1/audit/erase", body)).status).toBe(422);
  });

  test("checks against a head that was noted down, also over a restart", async () => {
    await using house = await House.open();
    await house.submit();
    const { seq, hash } = (await house.api("GET", "/v1/audit/head")).body;
    await house.stop();
    await house.start();
    await house.submit();
    expect(await verify(house, `?expect=${seq}:${hash}`)).toMatchObject({ ok: true, entries: 2 });
    const other = await verify(house, `?expect=${seq}:${"0".repeat(64)}`);
    expect(other).toMatchObject({ ok: false, problems: [{ seq, kind: "expected" }] });
  });

  test("exports lines of JSON, each with its hash, and says in the log that it did", async () => {
    await using house = await House.open();
    const { id } = await house.submit();
    const { headers, text } = await house.api("GET", `/v1/audit/export?subject=job:${id}`);
    expect(headers.get("content-type")).toContain("application/x-ndjson");
    const lines = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines).toEqual([expect.objectContaining({ seq: 1, type: "job.created", prev: "0".repeat(64), jobId: id })]);
    expect((await entriesOf(house)).at(-1)).toMatchObject({
      ...{ type: "audit.exported", actor: "local", data: { filter: { subject: `job:${id}` } } },
    });
  });

  test("erases a person from origins and jobs, in memory too, and the log stays whole", async () => {
    await using house = await House.open();
    const page = await house.page();
    const mine = await house.submit({ requestedBy: "Ada Example" });
    await house.submit({ requestedBy: "Ada Example" });
    const other = await house.submit({ requestedBy: "Bob" });
    await house.api("POST", `/v1/jobs/${mine.id}/stop`);
    const { seq, hash } = (await house.api("GET", "/v1/audit/head")).body;
    const erased = await house.api("POST", "/v1/audit/erase", { requestedBy: "Ada Example" });
    expect(erased.body).toEqual({ ok: true, origins: 0, jobs: 2 });
    // One of the two is still open: pages that have it are told.
    await page.next(
      "ui.job.update",
      ({ id, requestedBy }) => id !== mine.id && id !== other.id && requestedBy === null,
    );
    const { text } = await house.api("GET", "/v1/jobs");
    expect(text).not.toContain("Ada");
    expect(text).toContain("Bob");
    expect((await house.api("POST", "/v1/audit/erase", { actor: "local" })).body).toEqual({
      ok: true,
      origins: 1,
      jobs: 1,
    });
    expect((await house.job(other.id)).requestedBy).toBeNull();
    const origins = (await entriesOf(house, "&type=job.created")).map(({ origin }) => origin);
    expect(origins).toEqual([{ erased: true }, { erased: true }, { erased: true }]);
    expect(await verify(house, `?expect=${seq}:${hash}`)).toMatchObject({ ok: true, erasedOrigins: 1 });
  });
});

describe("retention", () => {
  test("deletes old entries and jobs that ended long ago, and leaves what runs and a log that checks", async () => {
    await using house = await House.open({ retention: { eventsMs: 1500, jobsMs: 500, everyMs: 100 } });
    await workingAgent(house);
    const running = await house.submit();
    await house.jobIn(running.id, "RUNNING");
    const ended = await Promise.all(
      Array.from({ length: 5 }, () => house.submit({ idempotencyKey: crypto.randomUUID() })),
    );
    await Promise.all(ended.map(({ id }) => house.api("POST", `/v1/jobs/${id}/stop`)));
    await waitFor(async () => (await house.api("GET", "/v1/jobs")).body.length === 1);
    for (const { id } of ended) expect((await house.api("GET", `/v1/jobs/${id}`)).status).toBe(404);
    await waitFor(async () => (await entriesOf(house, "&type=audit.pruned,jobs.pruned")).length > 0);
    await waitFor(async () => (await verify(house)).anchor.seq > 10);
    expect(await verify(house)).toMatchObject({ ok: true });
    expect((await house.job(running.id)).status).toBe("RUNNING");
    // What is left goes on with the numbers that it had.
    const { seq } = (await house.api("GET", "/v1/audit/head")).body;
    await house.stop();
    await house.start({ retention: {} });
    await house.submit();
    expect((await house.api("GET", "/v1/audit/head")).body.seq).toBeGreaterThan(seq);
    expect(await verify(house)).toMatchObject({ ok: true });
  });

  test("is off unless it is asked for", async () => {
    await using house = await House.open({ retention: { everyMs: 10 } });
    const { id } = await house.submit();
    await house.api("POST", `/v1/jobs/${id}/stop`);
    await house.api("POST", "/v1/templates", { id: "t-1", name: "T", config: {} });
    const { entries, anchor } = await verify(house);
    expect([entries, anchor.seq]).toEqual([3, 0]);
  });
});
