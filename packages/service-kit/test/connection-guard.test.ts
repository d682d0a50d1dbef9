import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { Connection, ConnectionGuard, type ConnectionState } from "../src/http/door/connection-guard.js";
import { Heaviest } from "../src/http/door/heaviest.js";

function house(limits = { maxConnections: 12, maxConnectionsPerAddress: 6, maxPendingConnections: 6 }) {
  const guard = new ConnectionGuard(limits);
  const alive = new Set<Connection>();
  const connect = (owner: string, shared = false): Connection => {
    const connection: Connection = new Connection(owner, { destroy: () => void alive.delete(connection) }, shared);
    alive.add(connection);
    guard.add(connection);
    return connection;
  };
  return { guard, alive, connect, limits };
}

describe("when there are too many connections", () => {
  test("the address with the most half-open ones loses its oldest, others none", () => {
    const { alive, connect } = house();
    const other = connect("other");
    const flood = Array.from({ length: 20 }, () => connect("flood"));
    expect(alive.has(other)).toBe(true);
    expect([...alive].filter(({ owner }) => owner === "flood")).toEqual(flood.slice(-5));
  });

  test("resting ones go before half-open ones, and those at work never", () => {
    const { guard, alive, connect } = house({
      maxConnections: 4,
      maxConnectionsPerAddress: 4,
      maxPendingConnections: 4,
    });
    const [busy, resting, half] = ["a", "b", "c"].map((owner) => connect(owner)) as [
      Connection,
      Connection,
      Connection,
    ];
    guard.set(busy, "busy");
    guard.set(resting, "resting");
    connect("d");
    connect("e");
    expect([alive.has(busy), alive.has(resting), alive.has(half)]).toEqual([true, false, true]);
    connect("f");
    expect([alive.has(busy), alive.has(half)]).toEqual([true, false]);
  });

  test("where all are at work, the new one is turned away", () => {
    const { guard, alive, connect } = house({
      maxConnections: 3,
      maxConnectionsPerAddress: 3,
      maxPendingConnections: 3,
    });
    const working = ["a", "b", "c"].map((owner) => connect(owner));
    for (const connection of working) guard.set(connection, "busy");
    expect(alive.has(connect("d"))).toBe(false);
    expect(working.every((connection) => alive.has(connection))).toBe(true);
  });

  test("one address cannot take more than its share, unless many callers stand behind it", () => {
    const { guard, alive, connect } = house();
    for (let n = 0; n < 8; n += 1) guard.set(connect("one"), "busy");
    expect(alive.size).toBe(6);
    for (let n = 0; n < 8; n += 1) guard.set(connect("proxy", true), "busy");
    expect([...alive].filter(({ owner }) => owner === "proxy")).toHaveLength(6);
    expect(alive.size).toBe(12);
  });
});

test("whatever connections do in whatever order, the bounds hold and nobody at work is cut", () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ connect: fc.constantFrom("a", "b", "c", "d"), shared: fc.boolean() }) },
    {
      weight: 3,
      arbitrary: fc.record({
        index: fc.nat(40),
        to: fc.constantFrom<ConnectionState | "gone">("busy", "busy", "resting", "pending", "gone"),
      }),
    },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { guard, alive, connect, limits } = house();
      for (const one of steps) {
        const atWork = [...alive].filter(({ state }) => state === "busy");
        if ("connect" in one) connect(one.connect, one.shared);
        else {
          const connection = [...alive][one.index];
          if (connection === undefined) continue;
          if (one.to === "gone") {
            alive.delete(connection);
            guard.remove(connection);
            continue;
          }
          // Only an open door makes a connection half-open again: when it becomes a socket.
          if (one.to === "pending" && guard.pendingSize >= limits.maxPendingConnections) continue;
          guard.set(connection, one.to);
          continue;
        }
        for (const connection of atWork) expect(alive.has(connection)).toBe(true);
        expect(guard.size).toBe(alive.size);
        expect(alive.size).toBeLessThanOrEqual(limits.maxConnections);
        expect(guard.pendingSize).toBeLessThanOrEqual(limits.maxPendingConnections);
      }
    }),
    { numRuns: 500 },
  );
});

test("the heaviest owner is found as counting all would find it", () => {
  const step = fc.tuple(fc.constantFrom("a", "b", "c"), fc.nat(12), fc.boolean());
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const heaviest = new Heaviest<number>();
      const model = new Map<string, Set<number>>();
      for (const [owner, thing, adds] of steps) {
        const things = model.get(owner) ?? new Set();
        model.set(owner, things);
        if (adds) things.add(thing);
        else things.delete(thing);
        if (adds) heaviest.add(owner, thing);
        else heaviest.delete(owner, thing);
        const most = Math.max(...[...model.values()].map((set) => set.size));
        expect(heaviest.size).toBe([...model.values()].reduce((sum, set) => sum + set.size, 0));
        const oldest = [...model.values()].filter((set) => set.size === most).map((set) => set.values().next().value);
        expect(most === 0 ? [undefined] : oldest).toContain(heaviest.oldestOfHeaviest());
      }
    }),
  );
});
