import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { House } from "./kit.js";

let house: House;
beforeAll(async () => {
  house = await House.start();
});
afterEach(() => {
  house.livekit.fault = undefined;
});
afterAll(() => house[Symbol.asyncDispose]());

interface ErrorJson {
  error: { message: string; statusCode: number; code: string; details?: { streamId?: string; version?: number } };
}
const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());

describe("streams over REST", () => {
  test("are created with their room, listed, read, changed and stopped in the shapes that clients know", async () => {
    const made = await house.ask("POST", "/streams", { roomName: "town hall", metadata: { title: "Hello" } });
    expect(made.status).toBe(201);
    const { id } = made.body;
    expect(made.body).toEqual({
      ...{ id, roomName: "town hall", status: "active", participants: [], metadata: { title: "Hello" } },
      ...{ createdAt: expect.any(String), updatedAt: expect.any(String), version: 2, lastEvent: 2 },
    });
    expect(house.livekit.rooms.get("town hall")).toMatchObject({ metadata: '{"title":"Hello"}', emptyTimeout: 300 });
    expect((await house.ask("GET", `/streams/${id}`)).body).toEqual(made.body);
    expect((await house.ask<{ id: string }[]>("GET", "/streams")).body.map((one) => one.id)).toContain(id);
    const state = await house.ask<object>("GET", `/streams/${id}/state`);
    expect(state.body).toMatchObject({
      streamId: id,
      status: "active",
      startedAt: made.body.createdAt,
      stoppedAt: null,
    });
    const changed = await house.ask("PATCH", `/streams/${id}`, { metadata: { title: "Bye" }, version: 2 });
    expect([changed.status, changed.body.metadata, changed.body.version]).toEqual([200, { title: "Bye" }, 3]);
    const stopped = await house.ask<{ message: string; stream: { status: string; stoppedAt: string } }>(
      "DELETE",
      `/streams/${id}`,
    );
    expect(stopped).toMatchObject({
      status: 200,
      body: { message: expect.any(String), stream: { status: "stopped" } },
    });
    expect(house.livekit.rooms.has("town hall")).toBe(false);
    expect((await house.ask("DELETE", `/streams/${id}`)).status).toBe(200);
  });

  test("let somebody in and out as often as they ask, and say it once", async () => {
    const { id, roomName } = await house.create();
    const join = () =>
      house.ask<{ token: string; wsUrl: string }>("POST", `/streams/${id}/join`, {
        participantName: "ann",
        metadata: { role: "host" },
      });
    const first = await join();
    expect(first).toMatchObject({
      status: 200,
      body: { streamId: id, participantName: "ann", wsUrl: house.livekit.url },
    });
    expect(claimsOf(first.body.token)).toMatchObject({
      ...{ sub: "ann", iss: house.livekit.apiKey, metadata: '{"role":"host"}' },
      video: { roomJoin: true, room: roomName },
    });
    await join();
    const leave = () => house.ask<object>("POST", `/streams/${id}/leave`, { participantName: "ann" });
    expect((await leave()).body).toEqual({ message: expect.any(String), streamId: id, participantName: "ann" });
    await leave();
    await join();
    const { body: events } = await house.ask<{ type: string; number: number }[]>("GET", `/events/${id}?limit=3`);
    expect(events.map(({ type, number }) => [type, number])).toEqual([
      ...[
        ["participant_joined", 5],
        ["participant_left", 4],
        ["participant_joined", 3],
      ],
    ]);
    const { participants } = (await house.ask("GET", `/streams/${id}`)).body;
    expect(participants).toEqual([
      { id: "ann", identity: "ann", joinedAt: expect.any(String), metadata: { role: "host" } },
    ]);
  });

  test("answer mistakes with a sentence at error.message, its status and a code", async () => {
    const { id } = await house.create({ roomName: "taken" });
    const cases: [string, string, unknown, number, string][] = [
      ["POST", `/streams/${id}/join`, {}, 400, "INVALID_REQUEST"],
      ["POST", `/streams/${id}/leave`, { participantName: " " }, 400, "INVALID_REQUEST"],
      ["POST", "/streams", { roomName: "" }, 400, "INVALID_REQUEST"],
      ["POST", "/streams", { roomName: "taken" }, 409, "STREAM_EXISTS"],
      ["PATCH", `/streams/${id}`, { version: 1, metadata: {} }, 409, "VERSION_CONFLICT"],
      ["PATCH", `/streams/${id}`, { status: "creating" }, 409, "ILLEGAL_STATUS"],
      ["PATCH", `/streams/${id}`, { status: "live" }, 400, "INVALID_REQUEST"],
      ["GET", "/streams/none", undefined, 404, "STREAM_NOT_FOUND"],
      ["GET", "/streams/none/state", undefined, 404, "STREAM_NOT_FOUND"],
      ["DELETE", "/streams/none", undefined, 404, "STREAM_NOT_FOUND"],
      ["POST", "/streams/none/join", { participantName: "x" }, 404, "STREAM_NOT_FOUND"],
      ["GET", "/events/none", undefined, 404, "STREAM_NOT_FOUND"],
      ["GET", "/streams?cursor=x", undefined, 400, "INVALID_REQUEST"],
      ["GET", "/nothing", undefined, 404, "ROUTE_NOT_FOUND"],
    ];
    for (const [method, path, body, statusCode, code] of cases) {
      const got = await house.ask<ErrorJson>(method, path, body);
      expect([method, path, got.status, got.body.error]).toMatchObject([
        ...[method, path, statusCode],
        { statusCode, code, message: expect.stringMatching(/\.$/) },
      ]);
    }
    await house.ask("PATCH", `/streams/${id}`, { status: "stopped" });
    const late = await house.ask<ErrorJson>("POST", `/streams/${id}/join`, { participantName: "late" });
    expect(late).toMatchObject({ status: 409, body: { error: { code: "STREAM_NOT_ACTIVE" } } });
    expect((await house.ask("POST", "/streams", { roomName: "taken" })).status).toBe(201);
  });

  test("page newest first", async () => {
    const made: string[] = [];
    for (let n = 0; n < 5; n++) made.unshift((await house.create()).id);
    const first = await house.ask<{ id: string }[]>("GET", "/streams?limit=3&status=active");
    const cursor = first.headers.get("x-next-cursor");
    const second = await house.ask<{ id: string }[]>("GET", `/streams?limit=2&status=active&cursor=${cursor}`);
    expect([...first.body, ...second.body].map(({ id }) => id)).toEqual(made);
  });

  test("carry out a request with an Idempotency-Key once, whatever it was, and refuse the key for another", async () => {
    const headers = { "Idempotency-Key": "create-1" };
    const tries = await Promise.all(
      Array.from({ length: 8 }, () => house.ask("POST", "/streams", { metadata: { n: 1 } }, { headers })),
    );
    expect(new Set(tries.map(({ status, body }) => `${status} ${body.id}`)).size).toBe(1);
    expect(tries.filter((one) => one.headers.get("idempotency-replayed") === "true")).toHaveLength(7);
    const other = await house.ask<ErrorJson>("POST", "/streams", { metadata: { n: 2 } }, { headers });
    expect(other).toMatchObject({ status: 409, body: { error: { code: "IDEMPOTENCY_KEY_IN_USE" } } });
    const id = tries[0]?.body.id;
    const patch = (key: string) =>
      house.ask("PATCH", `/streams/${id}`, { metadata: { n: 3 }, version: 2 }, { headers: { "Idempotency-Key": key } });
    const [one, two] = [await patch("patch-1"), await patch("patch-1")];
    expect([one.status, two.status, two.body]).toEqual([200, 200, one.body]);
    expect((await patch("patch-2")).status).toBe(409);
  });
});

describe("while LiveKit fails", () => {
  test("a stream is kept in error, can be tried again or removed, and its key is not used up", async () => {
    house.livekit.fault = { code: "unavailable", status: 503 };
    const headers = { "Idempotency-Key": "while-away" };
    const failed = await house.ask<ErrorJson>("POST", "/streams", { roomName: "later" }, { headers });
    expect(failed).toMatchObject({ status: 503, body: { error: { code: "LIVEKIT_UNAVAILABLE" } } });
    const id = failed.body.error.details?.streamId;
    expect((await house.ask("GET", `/streams/${id}`)).body).toMatchObject({ status: "error", roomName: "later" });
    house.livekit.fault = undefined;
    const retried = await house.ask("PATCH", `/streams/${id}`, { status: "active" });
    expect(retried).toMatchObject({ status: 200, body: { id, status: "active" } });
    expect(await house.ask("POST", "/streams", { roomName: "later" }, { headers })).toMatchObject({
      status: 201,
      body: { id },
    });
    expect((await house.ask("DELETE", `/streams/${id}`)).status).toBe(200);
  });

  test("what it refuses is told as such, with where to look", async () => {
    house.livekit.fault = { code: "unauthenticated", status: 401 };
    const refused = await house.ask<ErrorJson>("POST", "/streams", {});
    expect(refused).toMatchObject({ status: 502, body: { error: { code: "LIVEKIT_REFUSED" } } });
    expect(refused.body.error.message).toContain("LIVEKIT_API_SECRET");
  });

  test.each(["hang", "cut"] as const)("a stop during %s is finished when it is back", async (fault) => {
    await using own = await House.start();
    const { id, roomName } = await own.create();
    own.livekit.fault = fault;
    const stop = await own.ask<ErrorJson>("DELETE", `/streams/${id}`);
    expect(stop).toMatchObject({ status: 503, body: { error: { code: "LIVEKIT_UNAVAILABLE" } } });
    expect((await own.ask("GET", `/streams/${id}`)).body.status).toBe("stopping");
    own.livekit.fault = undefined;
    expect((await own.ask("DELETE", `/streams/${id}`)).status).toBe(200);
    expect(own.livekit.rooms.has(roomName)).toBe(false);
  });

  test("it is left alone after a while, and nothing is made at all then", async () => {
    await using own = await House.start();
    own.livekit.fault = "cut";
    for (let n = 0; n < 2; n++) await own.ask("POST", "/streams", {});
    const calls = own.livekit.calls.length;
    const streams = async () => (await own.ask<object[]>("GET", "/streams")).body.length;
    const before = await streams();
    const refused = await own.ask<ErrorJson>("POST", "/streams", {});
    expect(refused).toMatchObject({ status: 503, body: { error: { code: "LIVEKIT_UNAVAILABLE" } } });
    expect(refused.headers.get("retry-after")).not.toBeNull();
    expect([await streams(), own.livekit.calls.length]).toEqual([before, calls]);
    expect((await own.ask<object>("GET", "/health")).body).toMatchObject({ status: "ok", livekit: "away" });
  });
});
