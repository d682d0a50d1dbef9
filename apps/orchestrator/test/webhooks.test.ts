import { describe, expect, test } from "@jest/globals";
import { webhookEventSchema } from "@stream-control/protocol";
import { measured, waitFor } from "@stream-control/test-kit";
import { House } from "./house.js";
import { deliveriesWhere, hookOf, newSecret, openHouse, QUICK } from "./webhook-house.js";
import { isSignedWith, Receiver } from "./webhook-receiver.js";

describe("a webhook", () => {
  test("is sent the events that it wants, signed with each of its secrets, and shows how they fared", async () => {
    await using house = await openHouse();
    await using receiver = await Receiver.open();
    const before = await house.submit();
    const secrets = [newSecret(), newSecret()];
    const events = ["stream.alarm_*", "job.running", "job.stopped"];
    const hook = await hookOf(house, receiver.url, { events, secrets, description: "The scoreboard" });
    expect(hook).toMatchObject({ room: "*", secretCount: 2, enabled: true, failingSince: null, disabledReason: null });
    expect(hook.secrets).toBeUndefined();

    await using agent = await house.agent({ modern: {} });
    await house.jobIn(before.id, "RUNNING");
    const alarm = { jobId: before.id, epoch: 1, type: "stream.alarm_raised", message: "The picture is black." };
    agent.send("agent.job.event", { ...alarm, data: { alarm: "black" } });
    agent.send("agent.job.event", { ...alarm, type: "stream.source_lost", message: "The source is lost." });
    await house.api("PUT", `/v1/jobs/${before.id}/metadata`, { title: "Final" });
    await house.api("POST", `/v1/jobs/${before.id}/stop`);
    const [stopped] = await receiver.ofType("job.stopped");
    expect(receiver.types).toEqual(["job.running", "stream.alarm_raised", "job.stopped"]);

    const [running, raised] = receiver.received;
    for (const one of receiver.received) {
      expect(webhookEventSchema.safeParse(one.body)).toMatchObject({ success: true });
      expect(one.headers["content-type"]).toBe("application/json");
      for (const known of secrets) expect(isSignedWith(known, one)).toBe(true);
      expect(isSignedWith(newSecret(), one)).toBe(false);
    }
    const job = { id: before.id, room: "default", agentId: "agent-123" };
    expect(running?.body.data).toMatchObject({ jobId: before.id, job });
    expect(raised?.body.data).toMatchObject({ message: alarm.message, data: { alarm: "black" }, job });
    expect(stopped?.body).toMatchObject({ data: { job: { ...job, title: "Final", status: "STOPPED" } } });
    expect(stopped?.body.timestamp).toBe(stopped?.body.data.ts);

    const items = await deliveriesWhere(house, hook.id, (all) => all.every(({ status }) => status === "delivered"));
    expect(items.map(({ id, type }: { id: string; type: string }) => [id, type])).toEqual(
      receiver.received.map(({ headers, body }) => [headers["webhook-id"], body.type]).reverse(),
    );
    expect(items[0]).toMatchObject({ attempts: 1, responseStatus: 204, error: null, nextAttemptAt: null });
    expect(items[0].durationMs).toBeGreaterThanOrEqual(0);
    expect((await house.api("GET", `/v1/webhooks/${hook.id}`)).body.lastDeliveryAt).not.toBeNull();
    const first = await house.api("GET", `/v1/webhooks/${hook.id}/deliveries?limit=2&status=delivered`);
    expect(first.body.items).toEqual(items.slice(0, 2));
    const rest = await house.api("GET", `/v1/webhooks/${hook.id}/deliveries?limit=2&cursor=${first.body.nextCursor}`);
    expect(rest.body).toEqual({ items: items.slice(2), nextCursor: null });
  });

  test("is not sent what was before it, what happens while it is off, or what is after its end", async () => {
    await using house = await openHouse();
    await using receiver = await Receiver.open();
    await house.submit();
    const hook = await hookOf(house, receiver.url, { events: ["job.created"] });
    const first = await house.submit();
    await receiver.ofType("job.created");
    await house.api("PUT", `/v1/webhooks/${hook.id}`, { enabled: false });
    await house.submit();
    expect((await house.api("PUT", `/v1/webhooks/${hook.id}`, { enabled: true })).body.enabled).toBe(true);
    const second = await house.submit();
    await receiver.ofType("job.created", 2);
    expect((await house.api("DELETE", `/v1/webhooks/${hook.id}`)).status).toBe(204);
    await house.submit();
    await using other = await Receiver.open();
    await hookOf(house, other.url, { events: ["job.canceled"] });
    await house.api("POST", `/v1/jobs/${first.id}/stop`);
    await other.ofType("job.canceled");
    expect(receiver.received.map(({ body }) => body.data.jobId)).toEqual([first.id, second.id]);
    expect((await house.api("GET", `/v1/webhooks/${hook.id}`)).status).toBe(404);
  });

  test("is tried again with the same id and body until it takes an event, in the order of the job", async () => {
    await using house = await openHouse();
    await using receiver = await Receiver.open();
    const hook = await hookOf(house, receiver.url, { events: ["job.created", "job.canceled"] });
    receiver.answers.push(500, "cut", 429);
    const { id } = await house.submit();
    await house.api("POST", `/v1/jobs/${id}/stop`);
    await receiver.ofType("job.canceled");
    expect(receiver.types).toEqual([...new Array(4).fill("job.created"), "job.canceled"]);
    const ids = receiver.received.map(({ headers }) => headers["webhook-id"]);
    expect(new Set(ids.slice(0, 4)).size).toBe(1);
    expect(new Set(receiver.received.slice(0, 4).map(({ text }) => text)).size).toBe(1);
    const [, tried] = await deliveriesWhere(house, hook.id, (all) => all.every((one) => one.status === "delivered"));
    expect(tried).toMatchObject({ type: "job.created", attempts: 4, error: null });
    expect((await house.api("GET", `/v1/webhooks/${hook.id}`)).body.failingSince).toBeNull();
  });

  test("holds the rest back no longer than some tries for an event that its receiver never takes", async () => {
    await using house = await openHouse();
    await using receiver = await Receiver.open();
    receiver.usually = ({ body }) => (body.type === "job.created" ? 500 : 204);
    const hook = await hookOf(house, receiver.url);
    const { id } = await house.submit();
    await house.api("POST", `/v1/jobs/${id}/stop`);
    await receiver.ofType("job.canceled");
    expect(receiver.types.filter((type) => type === "job.created").length).toBeGreaterThanOrEqual(6);
    const items = await deliveriesWhere(house, hook.id, ([last]) => last.status === "delivered");
    expect(items[1]).toMatchObject({ status: "pending", error: "The receiver answered 500.", responseStatus: 500 });
  });

  test("loses nothing over a restart, and is sent nothing twice by it", async () => {
    await using house = await openHouse();
    const jobs: string[] = [];
    let port: number;
    {
      await using receiver = await Receiver.open();
      port = receiver.port;
      await hookOf(house, receiver.url, { events: ["job.created"] });
      jobs.push((await house.submit()).id);
      await receiver.ofType("job.created");
    }
    for (let count = 0; count < 5; count += 1) jobs.push((await house.submit()).id);
    await house.stop();
    await using receiver = await Receiver.open(undefined, port);
    const backAt = performance.now();
    await house.start();
    jobs.push((await house.submit()).id);
    await receiver.ofType("job.created", 6);
    measured("a webhook's receiver is away, and the orchestrator started again", {
      from: backAt,
      to: performance.now(),
    });
    expect(receiver.received.map(({ body }) => body.data.jobId)).toEqual(jobs.slice(1));
    await house.stop();
    await house.start();
    jobs.push((await house.submit()).id);
    await receiver.ofType("job.created", 7);
    expect(receiver.received.map(({ body }) => body.data.jobId)).toEqual(jobs.slice(1));
  });

  test("that hangs delays no job, no other webhook, and no stop of the service", async () => {
    await using house = await openHouse();
    await using hanging = await Receiver.open();
    await using quick = await Receiver.open();
    hanging.usually = "hang";
    for (let count = 0; count < 5; count += 1) await hookOf(house, hanging.url);
    await hookOf(house, quick.url, { events: ["job.running"] });
    await using agent = await house.agent({ slots: 50 });
    const begun = performance.now();
    const jobs = await Promise.all(Array.from({ length: 20 }, () => house.submit()));
    for (const { id } of jobs) await house.jobIn(id, "RUNNING");
    await quick.ofType("job.running", 20);
    measured("receivers of webhooks hang", { from: begun, to: performance.now() });
    // Each of those that hang is waited for ten seconds.
    expect(performance.now() - begun).toBeLessThan(8000);
    expect(hanging.received).toHaveLength(5);
    expect(agent.assignments).toHaveLength(20);
    const stopping = performance.now();
    await house.stop();
    expect(performance.now() - stopping).toBeLessThan(8000);
  });

  test("waits as long as its receiver asks by Retry-After", async () => {
    await using house = await openHouse();
    await using receiver = await Receiver.open();
    receiver.answers.push({ status: 503, headers: { "retry-after": "1" } });
    await hookOf(house, receiver.url, { events: ["job.created"] });
    await house.submit();
    await receiver.ofType("job.created");
    await house.submit();
    const [first, second] = await receiver.ofType("job.created", 3);
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(990);
  });

  test("whose receiver answers 410 is switched off, says why, and tells the audit", async () => {
    await using house = await openHouse();
    await using receiver = await Receiver.open();
    receiver.usually = 410;
    const hook = await hookOf(house, receiver.url);
    await house.submit();
    const path = `/v1/webhooks/${hook.id}`;
    const off = await waitFor(async () => {
      const { body } = await house.api("GET", path);
      return body.enabled ? undefined : body;
    });
    expect(off.disabledReason).toContain("410");
    expect(await deliveriesWhere(house, hook.id, (all) => all.length > 0)).toMatchObject([
      { status: "failed", responseStatus: 410 },
    ]);
    const { body } = await house.api("GET", "/v1/audit?type=webhook.*");
    expect(body.items).toMatchObject([
      { type: "webhook.disabled", actor: "system", subject: `webhook:${hook.id}`, message: off.disabledReason },
      { type: "webhook.created", subject: `webhook:${hook.id}`, data: { host: `127.0.0.1:${receiver.port}` } },
    ]);
    const count = receiver.received.length;
    const [{ id: deliveryId }] = (await house.api("GET", `${path}/deliveries`)).body.items;
    expect(await house.api("POST", `${path}/deliveries/${deliveryId}/replay`)).toMatchObject({
      status: 409,
      body: { code: "WEBHOOK_DISABLED" },
    });
    receiver.usually = 204;
    const on = await house.api("PUT", path, { enabled: true });
    expect(on.body).toMatchObject({ enabled: true, disabledReason: null, failingSince: null });
    expect((await house.api("POST", `${path}/deliveries/${deliveryId}/replay`)).status).toBe(202);
    await waitFor(() => receiver.received.length > count);
    expect(receiver.received[count]?.headers["webhook-id"]).toBe(deliveryId);
    await deliveriesWhere(house, hook.id, ([one]) => one.status === "delivered");
  });

  test("that took nothing for too long is switched off, and what is not taken in time is given up", async () => {
    await using house = await openHouse({ giveUpMs: 300, offAfterMs: 1500 });
    await using receiver = await Receiver.open();
    receiver.usually = 500;
    const hook = await hookOf(house, receiver.url, { events: ["job.created"] });
    await house.submit();
    const [given] = await deliveriesWhere(house, hook.id, ([one]) => one?.status === "failed");
    expect(given).toMatchObject({ error: "The receiver answered 500.", nextAttemptAt: null });
    const path = `/v1/webhooks/${hook.id}`;
    expect((await house.api("GET", path)).body).toMatchObject({ enabled: true, failingSince: expect.any(String) });
    const off = await waitFor(async () => {
      await house.submit();
      const { body } = await house.api("GET", path);
      return body.enabled ? undefined : body;
    });
    expect(off.disabledReason).toMatch(/^Nothing was taken for too long; the last try: The receiver answered 500/);
  });

  test("is given what has waited as soon as it is back, however long the next pause would have been", async () => {
    await using house = await openHouse({ retryMaxMs: 3_600_000 });
    await using receiver = await Receiver.open();
    receiver.usually = 500;
    const hook = await hookOf(house, receiver.url, { events: ["job.created"] });
    const { id } = await house.submit();
    const [waiting] = await deliveriesWhere(house, hook.id, ([one]) => one?.attempts >= 7);
    receiver.usually = 204;
    const next = await house.submit();
    await deliveriesWhere(house, hook.id, (all) => all.length === 2 && all.every((one) => one.status === "delivered"));
    const last = receiver.received.slice(-2);
    expect(last.map(({ body }) => body.data.jobId)).toEqual([next.id, id]);
    expect(last[1]?.atMs).toBeLessThan(Date.parse(waiting.nextAttemptAt));
  });

  test("that is away for long fills no table: the rest waits in the event log, and nothing is left out", async () => {
    await using house = await openHouse({ retryMaxMs: 500 });
    await using receiver = await Receiver.open();
    receiver.usually = 500;
    const hook = await hookOf(house, receiver.url, { events: ["job.created"] });
    const jobs: string[] = [];
    for (let count = 0; count < 40; count += 1)
      jobs.push(...(await Promise.all(Array.from({ length: 10 }, () => house.submit()))).map(({ id }) => id));
    const path = `/v1/webhooks/${hook.id}/deliveries`;
    const pending = async () => (await house.api("GET", `${path}?status=pending&limit=1000`)).body.items.length;
    await waitFor(async () => (await pending()) >= 100);
    expect(await pending()).toBeLessThanOrEqual(200);
    receiver.usually = 204;
    const taken = () => receiver.received.map(({ body }) => body.data.jobId);
    await waitFor(() => new Set(taken()).size === 400);
    await waitFor(async () => (await pending()) === 0);
    expect([...new Set(taken())].sort()).toEqual(jobs.sort());
  });

  test("is not sent what retention has deleted from the event log, and says so", async () => {
    const retention = { eventsMs: 1000, everyMs: 50 };
    await using house = await House.open({ webhooks: QUICK, retention });
    await using receiver = await Receiver.open();
    const hook = await hookOf(house, receiver.url, { events: ["job.created"] });
    receiver.answers.push(204);
    receiver.usually = 500;
    const [first, second] = [await house.submit(), await house.submit()];
    const items = await deliveriesWhere(house, hook.id, ([last]) => last?.status === "failed");
    expect(items.map(({ jobId, status, error }: Record<string, unknown>) => [jobId, status, error])).toEqual([
      [second.id, "failed", "Its event is not in the event log any more."],
      [first.id, "delivered", null],
    ]);
    const path = `/v1/webhooks/${hook.id}/deliveries`;
    for (const { id } of items)
      expect(await house.api("POST", `${path}/${id}/replay`)).toMatchObject({ body: { code: "EVENT_PRUNED" } });
    expect((await house.api("POST", `${path}/none/replay`)).status).toBe(404);
  });

  test("keeps a bounded log of its deliveries", async () => {
    await using house = await openHouse({ kept: 10 });
    await using receiver = await Receiver.open();
    const hook = await hookOf(house, receiver.url, { events: ["job.created"] });
    for (let count = 0; count < 120; count += 1) await house.submit();
    await receiver.ofType("job.created", 120);
    const items = await deliveriesWhere(house, hook.id, (all) => all.every(({ status }) => status === "delivered"));
    expect(items.length).toBeLessThanOrEqual(60);
    expect(items[0].seq).toBe(receiver.received.at(-1)?.body.data.seq);
  });
});
