import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { startNats, startRedis, type TestServer, waitFor } from "@stream-control/test-kit";
import { type Bus, type Lease, MAX_MESSAGE_BYTES, MemoryBus, MemoryLeases, Messages } from "../src/index.js";
import { openMessages } from "../src/open-messages.js";

/** Every instance that is opened meets the others of its kind. */
interface Broker {
  server?: TestServer;
  open(): Promise<{ messages: Messages; close(): Promise<void> }>;
}

const remote = async (setting: "natsUrl" | "redisUrl", server: TestServer): Promise<Broker> => {
  const prefix = `test-${randomBytes(4).toString("hex")}`;
  return { server, open: () => openMessages({ [setting]: server.url, prefix, name: "test" }) };
};
const kinds: Record<string, () => Promise<Broker>> = {
  memory: async () => {
    const [bus, leases]: [Bus, MemoryLeases] = [new MemoryBus(), new MemoryLeases()];
    const open = async () => {
      const messages = new Messages(bus, leases, "test");
      return { messages, close: () => messages.close() };
    };
    return { open };
  },
  nats: async () => remote("natsUrl", await startNats()),
  redis: async () => remote("redisUrl", await startRedis()),
};

describe.each(Object.entries(kinds))("messages over %s", (kind, start) => {
  let broker: Broker;
  const opened: { close(): Promise<void> }[] = [];
  let round = 0;
  /** Subjects of this test alone. */
  const mine = (rest: string) => `t${round}.${rest}`;
  const open = async () => {
    const one = await broker.open();
    opened.push(one);
    return one.messages;
  };

  beforeAll(async () => {
    broker = await start();
  });
  afterEach(async () => {
    round += 1;
    await Promise.all(opened.splice(0).map((one) => one.close()));
  });
  afterAll(() => broker.server?.stop());

  test("bring JSON as it was sent, in the order of the sender, to every instance", async () => {
    const [a, b] = [await open(), await open()];
    const got: unknown[][] = [[], []];
    await a.subscribe(mine("*.changed"), (message) => void got[0]?.push(message));
    await b.subscribe(mine(">"), (message) => void got[1]?.push(message));
    const sent = Array.from({ length: 300 }, (_, n) => ({ n, text: "grüße 🎬", deep: { list: [1, null, true] } }));
    for (const data of sent) expect(a.publish(mine("x.changed"), data)).toBe(true);
    await waitFor(() => got[0]?.length === 300 && got[1]?.length === 300);
    const expected = sent.map((data) => ({ subject: mine("x.changed"), data }));
    expect(got).toEqual([expected, expected]);
  });

  test("give each to one of a queue", async () => {
    const [a, b] = [await open(), await open()];
    const got: number[] = [];
    for (const one of [a, a, b])
      await one.subscribe(mine("work"), ({ data }) => void got.push(data as number), { queue: "workers" });
    for (let n = 0; n < 100; n++) b.publish(mine("work"), n);
    await waitFor(() => got.length >= 100);
    expect(got.sort((x, y) => x - y)).toEqual(Array.from({ length: 100 }, (_, n) => n));
  });

  test("drop the oldest for a receiver that is too slow, tell it, and reach the others whole", async () => {
    const [a, b] = [await open(), await open()];
    const gate = Promise.withResolvers<void>();
    const [seen, whole, gaps]: [unknown[], unknown[], string[]] = [[], [], []];
    const onGap = (gap: string) => void gaps.push(gap);
    const wait = async ({ data }: { data: unknown }) => {
      await gate.promise;
      seen.push(data);
    };
    const slow = await b.subscribe(mine("flood"), wait, { maxPending: 10, onGap });
    await b.subscribe(mine("flood"), ({ data }) => void whole.push(data));
    for (let n = 0; n < 100; n++) a.publish(mine("flood"), n);
    await waitFor(() => whole.length === 100);
    gate.resolve();
    await waitFor(() => seen.length === 11);
    expect(seen).toEqual([0, ...Array.from({ length: 10 }, (_, n) => 90 + n)]);
    expect([slow.dropped, new Set(gaps)]).toEqual([89, new Set(["overflow"])]);
  });

  test("go on after a handler that fails, and handle what came before they close", async () => {
    const [a, b] = [await open(), await open()];
    const seen: unknown[] = [];
    const gate = Promise.withResolvers<void>();
    const receiving = await b.subscribe(mine("x"), async ({ data }) => {
      if (data === 0) throw new Error("once");
      await gate.promise;
      seen.push(data);
    });
    await b.subscribe(mine("x"), ({ data }) => {
      if (data === 20) gate.resolve();
    });
    for (let n = 0; n <= 20; n++) a.publish(mine("x"), n);
    await gate.promise;
    await receiving.close();
    expect(seen).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
    expect(() => a.publish(mine("x"), "x".repeat(MAX_MESSAGE_BYTES))).toThrow("A message has at most 1000000 bytes");
  });

  test("give a lease to one at a time, with a fence that grows from holder to holder", async () => {
    const instances = [await open(), await open(), await open()];
    const fences: number[] = [];
    let inside = 0;
    const turn = async (messages: Messages) => {
      const lease = await waitFor(() => messages.lease(mine("lock"), { ttlMs: 5000 }), { everyMs: 2 });
      inside += 1;
      expect([inside, lease.held]).toEqual([1, true]);
      fences.push(lease.fence);
      await new Promise<void>((resolve) => setImmediate(resolve));
      inside -= 1;
      await lease.release();
    };
    await Promise.all(Array.from({ length: 12 }, (_, n) => turn(instances[n % 3] as Messages)));
    expect(fences).toEqual([...new Set(fences)].sort((x, y) => x - y));
    expect(fences).toHaveLength(12);
  });

  test("keep a lease past its time while its holder lives, and give it back at its release or end", async () => {
    const [a, b] = [await open(), await open()];
    const lease = (await a.lease(mine("kept"), { ttlMs: 300 })) as Lease;
    const until = performance.now() + 800;
    while (performance.now() < until) {
      expect(await b.lease(mine("kept"), { ttlMs: 300 })).toBeUndefined();
      // In memory there is nothing to wait for, and nothing else would come to its turn.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    expect(lease.held).toBe(true);
    await lease.release();
    expect(lease.lost.aborted).toBe(true);
    const next = (await b.lease(mine("kept"), { ttlMs: 60_000 })) as Lease;
    expect(next.fence).toBeGreaterThan(lease.fence);
    await b.close();
    expect(await a.lease(mine("kept"), { ttlMs: 300 })).toBeDefined();
  });

  if (kind !== "memory")
    test("tell of the gap after an outage, and of leases that could not be kept", async () => {
      const [a, b] = [await open(), await open()];
      const [seen, gaps]: [unknown[], string[]] = [[], []];
      const onGap = (gap: string) => void gaps.push(gap);
      await b.subscribe(mine("x"), ({ data }) => void seen.push(data), { onGap });
      const lease = (await a.lease(mine("lock"), { ttlMs: 500 })) as Lease;
      await broker.server?.kill();
      await waitFor(() => a.state === "reconnecting" && b.state === "reconnecting");
      expect(a.publish(mine("x"), "lost")).toBe(false);
      await waitFor(() => lease.lost.aborted);
      await broker.server?.start();
      await waitFor(() => a.state === "connected" && b.state === "connected");
      expect(a.publish(mine("x"), "back")).toBe(true);
      await waitFor(() => seen.length > 0);
      expect({ seen, gaps }).toEqual({ seen: ["back"], gaps: ["reconnected"] });
      const again = await waitFor(() => b.lease(mine("lock"), { ttlMs: 500 }));
      expect(again.fence).toBeGreaterThan(lease.fence);
    });
});
