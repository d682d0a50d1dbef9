import { randomBytes } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import { webhookTestSchema } from "@stream-control/protocol";
import { GuardedHouse } from "./guarded-house.js";
import { hookOf, openHouse, QUICK } from "./webhook-house.js";
import { isSignedWith, Receiver } from "./webhook-receiver.js";

describe("a test of a webhook", () => {
  test("is sent at once and answered with what came of it, also where the webhook is off", async () => {
    await using house = await openHouse({ timeoutMs: 500 });
    await using receiver = await Receiver.open();
    const made = await hookOf(house, receiver.url, { enabled: false });
    const [key] = made.secrets;
    const path = `/v1/webhooks/${made.id}`;
    const taken = await house.api("POST", `${path}/test`);
    expect(taken).toMatchObject({ status: 200, body: { ok: true, delivery: { status: "delivered", attempts: 1 } } });
    const [sent] = receiver.received;
    expect(webhookTestSchema.safeParse(sent?.body)).toMatchObject({ success: true });
    expect(sent !== undefined && isSignedWith(key, sent)).toBe(true);

    const told = async () => (await house.api("POST", `${path}/test`)).body;
    receiver.answers.push({ status: 302, headers: { location: `${receiver.url}/elsewhere` } }, "hang", "cut", 404, {
      ...{ status: 200, endless: true },
    });
    expect((await told()).delivery.error).toMatch(/answered 302: redirects are not followed/);
    expect(await told()).toMatchObject({ ok: false, delivery: { error: "There was no answer within 0.5 s." } });
    expect((await told()).delivery.error).toBe("The receiver cut the connection.");
    expect((await told()).delivery).toMatchObject({ error: "The receiver answered 404.", responseStatus: 404 });
    expect(await told()).toMatchObject({ ok: true, delivery: { responseStatus: 200 } });
    expect(receiver.received).toHaveLength(6);
    await receiver[Symbol.asyncDispose]();
    expect((await told()).delivery).toMatchObject({ error: "The receiver refused the connection.", status: "failed" });
    const log = (await house.api("GET", `${path}/deliveries`)).body.items;
    expect(log).toHaveLength(7);
    expect((await house.api("GET", path)).body).toMatchObject({ enabled: false, failingSince: null });
  });
});

describe("the secrets", () => {
  test("are shown once where we made them, change one by one, and are signed with side by side meanwhile", async () => {
    await using house = await openHouse();
    await using receiver = await Receiver.open();
    const made = await hookOf(house, receiver.url);
    const path = `/v1/webhooks/${made.id}`;
    const [old] = made.secrets;
    expect(old).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const shown = [await house.api("GET", path), await house.api("GET", "/v1/webhooks")];
    for (const { text } of shown) expect(text).not.toContain("whsec_");
    const added = await house.api("PUT", path, { newSecret: true });
    expect(added.body).toMatchObject({ secretCount: 2, secrets: [expect.stringMatching(/^whsec_/)] });
    const [fresh] = added.body.secrets;
    await house.api("POST", `${path}/test`);
    expect([old, fresh].map((key) => isSignedWith(key, receiver.received[0] as never))).toEqual([true, true]);
    const only = await house.api("PUT", path, { secrets: [fresh] });
    expect(only.body.secrets).toBeUndefined();
    await house.api("POST", `${path}/test`);
    expect([old, fresh].map((key) => isSignedWith(key, receiver.received[1] as never))).toEqual([false, true]);
  });

  test("must be strong and well-formed, and are not repeated where they are not", async () => {
    await using house = await openHouse();
    const short = `whsec_${randomBytes(16).toString("base64")}`;
    for (const wrong of [short, "whsec_", "secret", `whsec_${"A".repeat(500)}`]) {
      const { status, text } = await house.api("POST", "/v1/webhooks", { url: "http://127.0.0.1:9", secrets: [wrong] });
      expect(status).toBe(422);
      if (wrong.length > 10) expect(text).not.toContain(wrong.slice(6));
    }
  });
});

describe("rooms", () => {
  test("an admin of a room has webhooks of that room; those of every room are of admins of every room", async () => {
    await using guarded = await GuardedHouse.open({ webhooks: QUICK });
    await using receiver = await Receiver.open();
    await using everywhere = await Receiver.open();
    const hall = await guarded.let({ hall: "admin" });
    const annex = await guarded.let({ annex: "admin" });
    const url = receiver.url;
    const made = await hall.api("POST", "/v1/webhooks", { url, events: ["job.created"] });
    expect(made.body).toMatchObject({ room: "hall" });
    for (const room of ["annex", "*"]) expect((await hall.api("POST", "/v1/webhooks", { url, room })).status).toBe(404);
    const all = await guarded.admin.api("POST", "/v1/webhooks", { url: everywhere.url, events: ["job.created"] });
    expect(all.body.room).toBe("*");
    expect((await hall.api("GET", "/v1/webhooks")).body).toMatchObject([{ id: made.body.id }]);
    expect((await annex.api("GET", "/v1/webhooks")).body).toEqual([]);
    expect((await hall.api("GET", `/v1/webhooks/${all.body.id}`)).status).toBe(404);
    expect((await annex.api("DELETE", `/v1/webhooks/${made.body.id}`)).status).toBe(404);

    const rooms = ["annex", "hall"];
    for (const room of rooms) await guarded.admin.api("POST", "/v1/jobs", { inlineConfig: { kind: "test" }, room });
    await everywhere.ofType("job.created", 2);
    await receiver.ofType("job.created");
    expect(everywhere.received.map(({ body }) => body.data.job.room)).toEqual(rooms);
    expect(receiver.received.map(({ body }) => body.data.job.room)).toEqual(["hall"]);
  });

  test("have a bounded number of them", async () => {
    await using house = await openHouse();
    const url = "http://127.0.0.1:9/";
    for (let count = 0; count < 20; count += 1) await hookOf(house, url, { room: "hall", enabled: false });
    expect(await house.api("POST", "/v1/webhooks", { url, room: "hall" })).toMatchObject({
      status: 409,
      body: { code: "TOO_MANY_WEBHOOKS" },
    });
    await hookOf(house, url, { room: "annex", enabled: false });
  });
});
