import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { waitFor } from "@stream-control/test-kit";
import { type Bus, type BusMessage, MAX_MESSAGE_BYTES, withLease } from "../src/index.js";
import { BROKERS, type TestBroker } from "./carriers.js";

describe.each(Object.entries(BROKERS))("the %s bus", (kind, start) => {
  let broker: TestBroker;
  const open: Bus[] = [];
  let round = 0;
  /** Subjects of this test alone. */
  const mine = (rest: string) => `t${round}.${rest}`;
  const bus = async () => {
    const one = await broker.open();
    open.push(one);
    return one;
  };
  const collect = async (on: Bus, pattern: string, options = {}) => {
    const got: BusMessage[] = [];
    const subscription = await on.subscribe(pattern, (message) => void got.push(message), options);
    return { got, subscription };
  };

  beforeAll(async () => {
    broker = await start();
  });
  afterEach(async () => {
    round += 1;
    await Promise.all(open.splice(0).map((one) => one.close()));
  });
  afterAll(() => broker.stop());

  test("brings every message to every subscriber, once, in the order of its sender, as it was sent", async () => {
    const [a, b] = [await bus(), await bus()];
    const here = await collect(a, mine("x"));
    const there = await collect(b, mine("x"));
    const sent = Array.from({ length: 500 }, (_, n) => ({ n, text: "grüße 🎬", deep: { list: [1, null, true] } }));
    await Promise.all(sent.map((data) => a.publish(mine("x"), data)));
    await waitFor(() => here.got.length >= 500 && there.got.length >= 500);
    expect(here.got).toEqual(sent.map((data) => ({ subject: mine("x"), data })));
    expect(there.got).toEqual(here.got);
    expect([a.kind, a.state]).toEqual([kind, "connected"]);
  });

  test("keeps * within one token and > for the rest", async () => {
    const [a, b] = [await bus(), await bus()];
    const star = await collect(b, mine("*.end"));
    const rest = await collect(b, mine("room.>"));
    const exact = await collect(b, mine("room.end"));
    for (const subject of ["room.end", "room.a.end", "hall.end", "room", "end", "done"])
      await a.publish(mine(subject), subject);
    await waitFor(() => exact.got.length >= 1);
    const last = await collect(b, mine("done"));
    await a.publish(mine("done"), "again");
    await waitFor(() => last.got.length >= 1);
    const data = ({ got }: { got: BusMessage[] }) => got.map((message) => message.data);
    await waitFor(() => star.got.length >= 2 && rest.got.length >= 2);
    expect(data(star)).toEqual(["room.end", "hall.end"]);
    expect(data(rest)).toEqual(["room.end", "room.a.end"]);
    expect(data(exact)).toEqual(["room.end"]);
  });

  test("gives a message to one of a queue, and to every queue and plain subscriber", async () => {
    const [a, b, c] = [await bus(), await bus(), await bus()];
    const workers = await Promise.all([a, b, b, c].map((one) => collect(one, mine("work.*"), { queue: "workers" })));
    const others = await collect(c, mine("work.*"), { queue: "others" });
    const plain = await collect(a, mine("work.*"));
    for (let n = 0; n < 200; n++) await b.publish(mine(`work.${n}`), n);
    const taken = () => workers.flatMap(({ got }) => got.map(({ data }) => data as number));
    await waitFor(() => taken().length >= 200 && others.got.length >= 200 && plain.got.length >= 200);
    const all = Array.from({ length: 200 }, (_, n) => n);
    expect(taken().sort((x, y) => x - y)).toEqual(all);
    expect(others.got.map(({ data }) => data)).toEqual(all);
    expect(plain.got.map(({ data }) => data)).toEqual(all);
  });

  test("asks one of those who answer, many at a time, and tells what failed", async () => {
    const [a, b, c] = [await bus(), await bus(), await bus()];
    let asked = 0;
    for (const one of [b, c])
      await one.respond(mine("add.*"), ({ subject, data }) => {
        asked += 1;
        if (data === "bad") throw new Error("That is no number.");
        return { subject, sum: (data as number) + 1 };
      });
    const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => a.request(mine("add.one"), n)));
    expect(answers).toEqual(Array.from({ length: 100 }, (_, n) => ({ subject: mine("add.one"), sum: n + 1 })));
    expect(asked).toBe(100);
    await expect(a.request(mine("add.one"), "bad")).rejects.toMatchObject({
      code: "REMOTE_FAILED",
      message: "That is no number.",
    });
  });

  test("says at once that nobody answers, and in time that no answer came", async () => {
    const [a, b] = [await bus(), await bus()];
    const began = performance.now();
    await expect(a.request(mine("nobody"), 1)).rejects.toMatchObject({ code: "NO_RESPONDERS" });
    expect(performance.now() - began).toBeLessThan(2000);
    const late = Promise.withResolvers<void>();
    await b.respond(mine("never"), () => late.promise);
    await expect(a.request(mine("never"), 1, { timeoutMs: 200 })).rejects.toMatchObject({ code: "TIMEOUT" });
    late.resolve();
  });

  test("drops the oldest for a receiver that is too slow, tells it, and keeps the others whole", async () => {
    const [a, b] = [await bus(), await bus()];
    const gate = Promise.withResolvers<void>();
    const seen: unknown[] = [];
    const gaps: string[] = [];
    const slow = await b.subscribe(
      mine("flood"),
      async ({ data }) => {
        await gate.promise;
        seen.push(data);
      },
      { maxPending: 10, onGap: (gap) => void gaps.push(gap) },
    );
    const quick = await collect(b, mine("flood"));
    for (let n = 0; n < 100; n++) await a.publish(mine("flood"), n);
    await waitFor(() => quick.got.length === 100);
    gate.resolve();
    await waitFor(() => seen.length === 11);
    expect(seen).toEqual([0, ...Array.from({ length: 10 }, (_, n) => 90 + n)]);
    expect(slow.dropped).toBe(89);
    expect(new Set(gaps)).toEqual(new Set(["overflow"]));
  });

  test("goes on after a handler that throws", async () => {
    const a = await bus();
    const seen: unknown[] = [];
    await a.subscribe(mine("x"), ({ data }) => {
      if (data === 1) throw new Error("once");
      seen.push(data);
    });
    await a.publish(mine("x"), 1);
    await a.publish(mine("x"), 2);
    await waitFor(() => seen.length === 1);
    expect(seen).toEqual([2]);
  });

  test("handles what came before it closes, and takes nothing after", async () => {
    const [a, b] = [await bus(), await bus()];
    const seen: unknown[] = [];
    await b.subscribe(mine("x"), async ({ data }) => {
      await new Promise<void>((resolve) => setImmediate(resolve));
      seen.push(data);
    });
    for (let n = 0; n < 50; n++) await a.publish(mine("x"), n);
    await waitFor(() => seen.length > 0);
    const ended = await collect(b, mine("y"));
    await ended.subscription.close();
    await a.publish(mine("y"), 1);
    await b.close();
    const count = seen.length;
    expect(seen).toEqual(Array.from({ length: count }, (_, n) => n));
    expect(ended.got).toEqual([]);
    await expect(b.publish(mine("x"), 1)).rejects.toMatchObject({ code: "CLOSED" });
    await expect(b.subscribe(mine("x"), () => undefined)).rejects.toMatchObject({ code: "CLOSED" });
    expect(b.state).toBe("closed");
  });

  test("refuses what cannot be a subject, a pattern or a message", async () => {
    const a = await bus();
    for (const bad of ["", "a..b", "a b", "a.*", ">", "ä", "x".repeat(251)])
      await expect(a.publish(bad, 1)).rejects.toMatchObject({ code: "INVALID_SUBJECT" });
    for (const bad of ["", "a.>.b", "a*", "b.>c"])
      await expect(a.subscribe(bad, () => undefined)).rejects.toMatchObject({ code: "INVALID_SUBJECT" });
    await expect(a.publish(mine("x"), "x".repeat(MAX_MESSAGE_BYTES))).rejects.toMatchObject({ code: "TOO_LARGE" });
  });

  test("gives a lease to one at a time, with a fence that grows from holder to holder", async () => {
    const buses = [await bus(), await bus(), await bus()];
    const key = mine("lock");
    let inside = 0;
    let most = 0;
    const fences: number[] = [];
    const turns = Array.from({ length: 12 }, (_, n) =>
      withLease(buses[n % 3] as Bus, key, { ttlMs: 5000, waitMs: 20_000, everyMs: 5 }, async (lease) => {
        inside += 1;
        most = Math.max(most, inside);
        fences.push(lease.fence);
        await new Promise<void>((resolve) => setImmediate(resolve));
        inside -= 1;
        return lease.held;
      }),
    );
    expect(await Promise.all(turns)).toEqual(turns.map(() => ({ value: true })));
    expect(most).toBe(1);
    expect(fences).toEqual([...fences].sort((x, y) => x - y));
    expect(new Set(fences).size).toBe(12);
  });

  test("keeps a lease past its time for as long as its holder lives, and gives it back at its release", async () => {
    const [a, b] = [await bus(), await bus()];
    const lease = await a.lease(mine("kept"), { ttlMs: 300 });
    const until = performance.now() + 900;
    while (performance.now() < until) {
      expect(await b.lease(mine("kept"), { ttlMs: 300 })).toBeUndefined();
      // Nothing else of this process may come to its turn otherwise: in memory there is nothing to wait for.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    expect(lease?.held).toBe(true);
    await lease?.release();
    expect(lease?.lost.aborted).toBe(true);
    const next = await b.lease(mine("kept"), { ttlMs: 300 });
    expect(next?.fence).toBeGreaterThan(lease?.fence ?? Number.POSITIVE_INFINITY);
  });

  test("gives leases back when it closes", async () => {
    const [a, b] = [await bus(), await bus()];
    await a.lease(mine("closing"), { ttlMs: 60_000 });
    expect(await b.lease(mine("closing"), { ttlMs: 60_000 })).toBeUndefined();
    await a.close();
    expect(await b.lease(mine("closing"), { ttlMs: 60_000 })).toBeDefined();
  });
});
