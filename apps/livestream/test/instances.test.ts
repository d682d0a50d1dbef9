import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { startNats, startPostgres, startRedis, type TestServer, waitFor } from "@stream-control/test-kit";
import { GrpcListener } from "./grpc-client.js";
import { House, Listener, problemsOf } from "./kit.js";

let postgres: TestServer;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

describe.each([
  ["NATS", "natsUrl", startNats],
  ["Redis", "redisUrl", startRedis],
] as const)("two instances on PostgreSQL and %s", (name, setting, start) => {
  let broker: TestServer;
  let house: House;
  beforeAll(async () => {
    broker = await start();
    // The store is looked into rarely here, so that it is the bus that brings the events.
    const options = { databaseUrl: postgres.url, [setting]: broker.url, busPrefix: name, lookEveryMs: 60_000 };
    house = await House.start(options, 2);
  });
  afterAll(async () => {
    await house[Symbol.asyncDispose]();
    await broker.stop();
  });

  test("are exact under hundreds of interleaved writes, and every follower gets every event, once and in order", async () => {
    const { id, roomName } = await house.create({ metadata: { count: 0 } });
    const followers = await Promise.all(
      [0, 1].map(async (n) => {
        const listener = await Listener.open(house.url(n));
        await listener.subscribe(id, 0);
        return listener;
      }),
    );
    const grpc = new GrpcListener(house.services[1]?.grpcPort, { stream_id: id, since_number: 0 });
    let won = 0;
    const count = async (n: number): Promise<void> => {
      // Reads and writes with the version that it has read, as often as it takes.
      for (;;) {
        const { body } = await house.ask("GET", `/streams/${id}`, undefined, { n });
        const { count: before } = body.metadata as { count: number };
        const change = { metadata: { count: before + 1 }, version: body.version };
        const { status } = await house.ask("PATCH", `/streams/${id}`, change, { n: 1 - n });
        if (status === 200) break;
        expect(status).toBe(409);
      }
      won += 1;
    };
    const come = async (n: number, who: string): Promise<void> => {
      const ask = (what: string, at: number) =>
        house.ask("POST", `/streams/${id}/${what}`, { participantName: who }, { n: at });
      expect((await ask("join", n)).status).toBe(200);
      expect((await ask("join", 1 - n)).status).toBe(200);
      expect((await ask("leave", 1 - n)).status).toBe(200);
      expect((await ask("join", n)).status).toBe(200);
    };
    await Promise.all([
      ...Array.from({ length: 12 }, (_, k) => count(k % 2)),
      ...Array.from({ length: 40 }, (_, k) => come(k % 2, `guest ${k}`)),
      // The same people, by the webhooks of the other instance.
      (async () => {
        for (let k = 0; k < 40; k++) house.livekit.join(roomName, `guest ${k}`, { atMs: Date.now() - 1000 });
        await house.hear(1);
      })(),
    ]);
    const { body } = await house.ask("GET", `/streams/${id}`);
    expect([won, body.metadata, body.version]).toEqual([12, { count: 12 }, 14]);
    expect(body.participants).toHaveLength(40);
    expect((await house.ask("GET", `/streams/${id}`, undefined, { n: 1 })).body).toEqual(body);
    await house.ask("DELETE", `/streams/${id}`, undefined, { n: 1 });
    const last = (await house.ask("GET", `/streams/${id}`)).body.lastEvent;
    await waitFor(() => grpc.got.length >= last && followers.every(({ events }) => events.length >= last));
    for (const { events } of followers) {
      expect(events.map(({ number }) => number)).toEqual(Array.from({ length: last }, (_, k) => k + 1));
      expect(problemsOf(events)).toEqual([]);
    }
    expect(grpc.got.map(({ number }) => Number(number))).toEqual(followers[0]?.events.map(({ number }) => number));
    for (const follower of [...followers, grpc]) follower.close();
  });

  test("answer a repeated request alike, whichever of them gets it", async () => {
    const headers = { "Idempotency-Key": `both-${name}` };
    const tries = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        house.ask("POST", "/streams", { metadata: { n: 1 } }, { n: n % 2, headers }),
      ),
    );
    expect(new Set(tries.map(({ status, body }) => `${status} ${body.id}`)).size).toBe(1);
    const other = await house.ask("POST", "/streams", { metadata: { n: 2 } }, { n: 1, headers });
    expect(other.status).toBe(409);
  });

  test("go on without the broker: what was missed comes when it is back", async () => {
    const { id } = await house.create();
    const listener = await Listener.open(house.url(1));
    await listener.subscribe(id);
    await broker.kill();
    const healthy = async (n: number) =>
      (await house.ask<{ busState: string }>("GET", "/health", undefined, { n })).body.busState;
    await waitFor(async () => (await healthy(0)) === "reconnecting" && (await healthy(1)) === "reconnecting");
    for (const participantName of ["ann", "bob"])
      expect((await house.ask("POST", `/streams/${id}/join`, { participantName })).status).toBe(200);
    await broker.start();
    await waitFor(() => listener.events.length === 2);
    expect(problemsOf(listener.events)).toEqual([]);
    listener.close();
  });
});

test("events that no word came of, as after the crash of who wrote them, come all the same", async () => {
  // Without a broker, neither instance hears of the other.
  await using house = await House.start({ databaseUrl: postgres.url, lookEveryMs: 100 }, 2);
  const { id } = await house.create();
  const listener = await Listener.open(house.url(1));
  await listener.subscribe(id, 0);
  for (const participantName of ["ann", "bob", "cleo"])
    await house.ask("POST", `/streams/${id}/join`, { participantName });
  await waitFor(() => listener.events.length === 5);
  expect(problemsOf(listener.events)).toEqual([]);
  listener.close();
});
