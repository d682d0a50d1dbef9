import { once } from "node:events";
import { credentials, loadPackageDefinition, status } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { secret, waitFor } from "@stream-control/test-kit";
import { protoPath as healthProto } from "grpc-health-check";
import { GrpcListener } from "./grpc-client.js";
import { type EventJson, House, Listener, problemsOf } from "./kit.js";

let house: House;
beforeAll(async () => {
  house = await House.start({ lookEveryMs: 100 });
});
afterAll(() => house[Symbol.asyncDispose]());

const join = (id: string, participantName: string) =>
  house.ask("POST", `/streams/${id}/join`, { participantName, metadata: { seat: 1, note: "x" } });

describe("events over WebSocket", () => {
  test("come to whoever subscribes on the root path, in the words that clients know", async () => {
    const listener = await Listener.open(house.url());
    const { id } = await house.create({ roomName: "ws" });
    await waitFor(() => listener.of("connected").length === 1);
    listener.say({ type: "ping" });
    await listener.subscribe(id);
    await join(id, "ann");
    await house.ask("POST", `/streams/${id}/leave`, { participantName: "ann" });
    await house.ask("DELETE", `/streams/${id}`);
    await waitFor(() => listener.of("stream_stopped").length === 1);
    expect(listener.got.map(({ type }) => type)).toEqual([
      ...[
        "connected",
        "pong",
        "subscribed",
        "participant_joined",
        "participant_left",
        "stream_updated",
        "stream_stopped",
      ],
    ]);
    const [joined] = listener.events;
    expect(joined).toMatchObject({
      ...{ type: "participant_joined", streamId: id, number: 3, timestamp: expect.stringMatching(/Z$/) },
      data: { participant: { id: "ann", identity: "ann", metadata: { seat: 1 } }, stream: { id, roomName: "ws" } },
    });
    expect(listener.events.at(-1)?.data).toMatchObject({ id, status: "stopped" });
    listener.close();
  });

  test("begin where a client asks, each once, and end where it unsubscribes", async () => {
    const { id } = await house.create();
    await join(id, "ann");
    const listener = await Listener.open(house.url());
    await listener.subscribe(id, 0);
    await join(id, "bob");
    await waitFor(() => listener.events.length === 4);
    expect(listener.events.map(({ number, type }) => `${number} ${type}`)).toEqual([
      ...["1 stream_created", "2 stream_updated", "3 participant_joined", "4 participant_joined"],
    ]);
    const resumed = await Listener.open(house.url());
    await resumed.subscribe(id, 3);
    await waitFor(() => resumed.events.length === 1);
    listener.say({ type: "unsubscribe", streamId: id });
    await waitFor(() => listener.of("unsubscribed").length === 1);
    await join(id, "cleo");
    await waitFor(() => resumed.events.length === 2);
    expect(listener.events).toHaveLength(4);
    expect(resumed.events.map(({ number }) => number)).toEqual([4, 5]);
    for (const one of [listener, resumed]) one.close();
  });

  test("answer what is wrong with an error and go on", async () => {
    const listener = await Listener.open(house.url());
    for (const message of [
      "{",
      "[]",
      { type: "shout" },
      { type: "subscribe" },
      { type: "subscribe", streamId: "none" },
    ])
      listener.say(message);
    listener.say({ type: "ping" });
    await waitFor(() => listener.of("pong").length === 1);
    const codes = listener.of("error").map(({ code }) => code);
    expect(codes).toEqual([
      "INVALID_JSON",
      "INVALID_REQUEST",
      "INVALID_REQUEST",
      "INVALID_REQUEST",
      "STREAM_NOT_FOUND",
    ]);
    listener.close();
  });

  test("a client that reads nothing is sent away, and costs nobody else an event", async () => {
    const big = "x".repeat(60_000);
    const { id } = await house.create();
    const [slow, quick] = [await Listener.open(house.url()), await Listener.open(house.url())];
    for (const one of [slow, quick]) await one.subscribe(id);
    slow.socket.pause();
    const gone = once(slow.socket, "close");
    await Promise.all(
      Array.from({ length: 300 }, (_, n) => house.ask("PATCH", `/streams/${id}`, { metadata: { n, big } })),
    );
    await waitFor(() => quick.events.length === 300);
    expect(problemsOf(quick.events)).toEqual([]);
    const metrics = await (await fetch(`${house.url()}/metrics`)).text();
    expect(metrics).toMatch(/livestream_slow_clients_total 1/);
    slow.socket.resume();
    await gone;
    quick.close();
  });
});

describe("events as server-sent events", () => {
  test("come as they happen, and resume after the last one that a client has", async () => {
    const { id } = await house.create();
    const read = async (headers: Record<string, string>, until: string) => {
      const abort = new AbortController();
      const response = await fetch(`${house.url()}/streams/${id}/events`, { headers, signal: abort.signal });
      expect(response.headers.get("content-type")).toContain("text/event-stream");
      let text = "";
      const body = response.body as ReadableStream<Uint8Array>;
      const following = (async () => {
        for await (const chunk of body) {
          text += Buffer.from(chunk).toString();
          if (text.includes(until)) break;
        }
      })();
      return { done: following.then(() => abort.abort()), text: () => text };
    };
    const live = await read({}, "id: 3");
    await join(id, "ann");
    await live.done;
    expect(live.text()).toMatch(/^id: 3\nevent: participant_joined\ndata: \{.*"number":3.*\}\n\n$/);
    const resumed = await read({ "Last-Event-ID": "1" }, "id: 3");
    await resumed.done;
    expect(resumed.text().match(/^id: \d+$/gm)).toEqual(["id: 2", "id: 3"]);
    expect((await house.ask("GET", `/streams/${id}/events?since=x`)).status).toBe(400);
    expect((await house.ask("GET", "/streams/none/events")).status).toBe(404);
  });
});

describe("events over gRPC", () => {
  test("come to a client that has grpc-js and the .proto file", async () => {
    const { id } = await house.create({ metadata: { title: "Hello", size: 2 } });
    const listener = new GrpcListener(house.services[0]?.grpcPort, { stream_id: id, since_number: 0 });
    await listener.subscribed;
    await join(id, "ann");
    await waitFor(() => listener.got.length === 3);
    expect(listener.got).toMatchObject([
      {
        event_type: "STREAM_EVENT_TYPE_STREAM_CREATED",
        stream_id: id,
        number: "1",
        stream_created: { metadata: { title: "Hello", size: "2" } },
      },
      {
        event_type: "STREAM_EVENT_TYPE_STREAM_UPDATED",
        stream_updated: { previous_status: "STREAM_STATUS_CREATING", current_status: "STREAM_STATUS_ACTIVE" },
      },
      {
        event_type: "STREAM_EVENT_TYPE_PARTICIPANT_JOINED",
        event_data: "participant_joined",
        participant_joined: { participant: { id: "ann", identity: "ann", metadata: { seat: "1", note: "x" } } },
      },
    ]);
    const later = new GrpcListener(house.services[0]?.grpcPort, { stream_id: id });
    await later.subscribed;
    await house.ask("DELETE", `/streams/${id}`);
    await waitFor(() => later.got.length === 3);
    expect(later.got.map(({ number }) => number)).toEqual(["4", "5", "6"]);
    for (const one of [listener, later]) one.close();
  });

  test.each([
    ["no stream_id", {}, status.INVALID_ARGUMENT],
    ["an unknown stream", { stream_id: "none" }, status.NOT_FOUND],
  ])("%s is told by its status", async (_what, request, code) => {
    const listener = new GrpcListener(house.services[0]?.grpcPort, request);
    await waitFor(() => listener.error);
    expect(listener.error?.code).toBe(code);
    listener.close();
  });

  test("say that they serve, as health checks ask it", async () => {
    const port = house.services[0]?.grpcPort;
    type Client = { check(request: object, answer: (error: Error | null, reply: object) => void): void; close(): void };
    const { grpc } = loadPackageDefinition(loadSync(healthProto, { enums: String })) as unknown as {
      grpc: { health: { v1: { Health: new (...args: unknown[]) => Client } } };
    };
    const health = new grpc.health.v1.Health(`127.0.0.1:${port}`, credentials.createInsecure());
    const reply = await new Promise((resolve, reject) => {
      health.check({ service: "livestream.orchestrator.v1.StreamService" }, (error, got) =>
        error === null ? resolve(got) : reject(error),
      );
    });
    expect(reply).toEqual({ status: "SERVING" });
    health.close();
  });
});

test("nobody gets in without a key where one is required, by any of the ways", async () => {
  let key = "";
  await using own = await House.start({
    accessControl: "required",
    onFirstKey: (made) => {
      key = secret("admin-key", made);
    },
  });
  expect((await own.ask("GET", "/streams")).status).toBe(401);
  const headers = { Authorization: `Bearer ${key}` };
  const { body } = await own.ask("POST", "/streams", {}, { headers });
  await expect(Listener.open(own.url())).rejects.toThrow("401");
  const refused = new GrpcListener(own.services[0]?.grpcPort, { stream_id: body.id });
  await waitFor(() => refused.error);
  expect(refused.error?.code).toBe(status.UNAUTHENTICATED);
  const let_in = new GrpcListener(own.services[0]?.grpcPort, { stream_id: body.id, since_number: 0 }, key);
  await waitFor(() => let_in.got.length === 2);
  for (const one of [refused, let_in]) one.close();
  expect((await own.ask("GET", "/health")).status).toBe(200);
  expect((await own.ask<EventJson[]>("GET", "/events", undefined, { headers })).body).toHaveLength(2);
});
