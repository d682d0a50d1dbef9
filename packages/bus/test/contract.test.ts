import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { startNats, startRedis, type TestServer, waitFor } from "@stream-control/test-kit";
import { type Bus, type BusError, MemoryBus, subjectWord } from "../src/index.js";
import { connectNats } from "../src/nats.js";
import { connectRedis } from "../src/redis.js";

let nats: TestServer;
let redis: TestServer;
beforeAll(async () => {
  nats = await startNats();
  redis = await startRedis();
});
afterAll(async () => {
  await nats.stop();
  await redis.stop();
});

const text = (data: Uint8Array) => Buffer.from(data).toString();
const bytes = (value: string) => Buffer.from(value);
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "answered",
    (error: BusError) => error.code,
  );

/** Two ends of one bus. */
const kinds: [string, () => Promise<[Bus, Bus]>][] = [
  [
    "in memory",
    async () => {
      const bus = new MemoryBus();
      return [bus, bus];
    },
  ],
  [
    "over NATS",
    () => Promise.all([connectNats({ url: nats.url, name: "one" }), connectNats({ url: nats.url, name: "two" })]),
  ],
  [
    "over Redis",
    () => Promise.all([connectRedis({ url: redis.url, name: "one" }), connectRedis({ url: redis.url, name: "two" })]),
  ],
];

describe.each(kinds)("the bus %s", (_name, open) => {
  let [one, two]: Bus[] = [];
  const ends = async () => {
    [one, two] = await open();
    return [one, two] as const;
  };
  afterEach(() => Promise.all([one?.close(), two?.close()]));

  test("brings messages of a subject in their order to everybody who listens, and to nobody else", async () => {
    const [a, b] = await ends();
    const got: string[][] = [[], [], []];
    await a.subscribe("t.order", ({ data }) => void got[0]?.push(text(data)));
    await b.subscribe("t.order", ({ data }) => void got[1]?.push(text(data)));
    await b.subscribe("t.other", ({ data }) => void got[2]?.push(text(data)));
    const sent = Array.from({ length: 200 }, (_, index) => String(index));
    for (const value of sent) a.publish("t.order", bytes(value));
    await waitFor(() => got[0]?.length === 200 && got[1]?.length === 200);
    expect(got).toEqual([sent, sent, []]);
  });

  test("knows wildcards for one word and for the rest", async () => {
    const [a, b] = await ends();
    const got = { word: [] as string[], rest: [] as string[] };
    await b.subscribe("w.*.x", ({ subject }) => void got.word.push(subject));
    await b.subscribe("w.>", ({ subject }) => void got.rest.push(subject));
    for (const subject of ["w", "w.1.x", "w.1.y", "w.1.2.x", "v.1.x"]) a.publish(subject, bytes("1"));
    await waitFor(() => got.rest.length === 3);
    expect(got).toEqual({ word: ["w.1.x"], rest: ["w.1.x", "w.1.y", "w.1.2.x"] });
  });

  test("gives each message to one of a queue", async () => {
    const [a, b] = await ends();
    const got: string[][] = [[], []];
    await a.subscribe("q.work", ({ subject }) => void got[0]?.push(subject), { queue: "workers" });
    await b.subscribe("q.work", ({ subject }) => void got[1]?.push(subject), { queue: "workers" });
    for (let index = 0; index < 100; index += 1) a.publish("q.work", bytes("1"));
    await waitFor(() => got.flat().length === 100);
    expect(Math.min(...got.map(({ length }) => length))).toBeGreaterThan(0);
  });

  test("asks and is answered; says at once where nobody listens, and when nobody answers in time", async () => {
    const [a, b] = await ends();
    await b.subscribe("r.echo", (message) => message.respond(bytes(`<${text(message.data)}>`)));
    await b.subscribe("r.mute", () => {});
    expect(text(await a.request("r.echo", bytes("hello"), { timeoutMs: 5000 }))).toBe("<hello>");
    expect(await codeOf(a.request("r.nobody", bytes(""), { timeoutMs: 5000 }))).toBe("NO_RESPONDERS");
    expect(await codeOf(a.request("r.mute", bytes(""), { timeoutMs: 50 }))).toBe("TIMEOUT");
  });

  test("is quiet after an unsubscribe and after its end", async () => {
    const [a, b] = await ends();
    const got: string[] = [];
    const subscription = await b.subscribe("u.x", ({ data }) => void got.push(text(data)));
    await b.subscribe("u.end", () => void got.push("end"));
    a.publish("u.x", bytes("1"));
    await waitFor(() => got.length === 1);
    subscription.unsubscribe();
    a.publish("u.x", bytes("2"));
    a.publish("u.end", bytes(""));
    await waitFor(() => got.includes("end"));
    expect(got).toEqual(["1", "end"]);
    await b.close();
    expect(b.state).toBe("closed");
    expect(await codeOf(b.request("u.x", bytes(""), { timeoutMs: 1000 }))).toBe("UNAVAILABLE");
  });
});

describe.each([
  ["NATS", startNats, connectNats, "nats", "NATS_URL"],
  ["Redis", startRedis, connectRedis, "redis", "REDIS_URL"],
] as const)("the bus over %s", (server, start, connect, scheme, setting) => {
  test("says that the server is away, loses what is published then, and goes on when it is back", async () => {
    await using own = await start();
    const bus = await connect({ url: own.url, name: "patient" });
    try {
      const states: string[] = [];
      bus.onState((state) => states.push(state));
      const got: string[] = [];
      await bus.subscribe("away", ({ data }) => void got.push(text(data)));
      await bus.subscribe("away.*", (message) => message.respond(bytes("here")), { queue: "workers" });
      await own.kill();
      await waitFor(() => bus.state === "reconnecting");
      bus.publish("away", bytes("lost"));
      expect(await codeOf(bus.request("away", bytes(""), { timeoutMs: 100 }))).toBe("UNAVAILABLE");
      await own.start();
      await waitFor(() => bus.state === "connected");
      bus.publish("away", bytes("back"));
      await waitFor(() => got.length > 0);
      expect(text(await bus.request("away.1", bytes(""), { timeoutMs: 5000 }))).toBe("here");
      expect({ got, states }).toEqual({ got: ["back"], states: ["reconnecting", "connected"] });
    } finally {
      await bus.close();
    }
  });

  test("notices a server that is frozen, and closes in time without one", async () => {
    await using own = await start();
    const bus = await connect({ url: own.url, name: "patient" });
    own.signal("SIGSTOP");
    await waitFor(() => bus.state === "reconnecting");
    const began = performance.now();
    await bus.close();
    expect(performance.now() - began).toBeLessThan(5000);
    own.signal("SIGCONT");
  });

  test("says which variable to look at where there is no server", async () => {
    const failed = connect({ url: `${scheme}://someone:hidden@127.0.0.1:1`, name: "lost", connectTimeoutMs: 500 });
    await expect(failed).rejects.toThrow(
      `${server} at ${scheme}://…@127.0.0.1:1 cannot be reached; check ${setting} and that it runs.`,
    );
  });
});

test("a word of a subject is never another text's, nor a wildcard", () => {
  expect(["a.b", "*", ">", "", "ä", "a b", "a=2eb", "plain-1_X"].map(subjectWord)).toEqual([
    ...["a=2eb", "=2a", "=3e", "=", "=c3=a4", "a=20b", "a=3d2eb", "plain-1_X"],
  ]);
});
