import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import { freePort, secret, waitFor } from "@stream-control/test-kit";
import { type BusState, openBus } from "../src/index.js";
import { BROKERS } from "./carriers.js";

describe.each(["nats", "redis"] as const)("when the %s server goes away", (kind) => {
  test("sending fails at once, everything comes back by itself, and subscribers are told of the gap", async () => {
    const broker = await BROKERS[kind]();
    const [a, b] = [await broker.open(), await broker.open()];
    try {
      const states: BusState[] = [];
      a.onState((state) => states.push(state));
      const seen: unknown[] = [];
      const gaps: string[] = [];
      await b.subscribe("x.*", ({ data }) => void seen.push(data), { onGap: (gap) => void gaps.push(gap) });
      await b.respond("ask", () => "answer");
      const lease = await a.lease("lock", { ttlMs: 500 });

      await broker.server?.kill();
      await waitFor(() => a.state === "reconnecting" && b.state === "reconnecting");
      await expect(a.publish("x.y", 1)).rejects.toMatchObject({ code: "UNAVAILABLE" });
      await waitFor(() => lease?.lost.aborted);
      expect(lease?.held).toBe(false);

      await broker.server?.restart();
      await waitFor(() => a.state === "connected" && b.state === "connected");
      expect(gaps).toEqual(["reconnected"]);
      await a.publish("x.y", 2);
      await waitFor(() => seen.length === 1);
      expect(seen).toEqual([2]);
      expect(await a.request("ask", null)).toBe("answer");
      expect(states).toEqual(["reconnecting", "connected"]);
      const again = await waitFor(() => b.lease("lock", { ttlMs: 500 }));
      expect(again.fence).toBeGreaterThan(lease?.fence ?? Number.POSITIVE_INFINITY);
    } finally {
      await Promise.all([a.close(), b.close()]);
      await broker.stop();
    }
  });

  test("a closed bus leaves in time although the server is gone", async () => {
    const broker = await BROKERS[kind]();
    const bus = await broker.open();
    await bus.subscribe("x", () => undefined);
    await broker.server?.kill();
    await waitFor(() => bus.state === "reconnecting");
    const began = performance.now();
    await bus.close();
    expect(performance.now() - began).toBeLessThan(8000);
    await broker.stop();
  });

  test("a holder that dies without a word loses its lease, and only then", async () => {
    const broker = await BROKERS[kind]();
    const bus = await broker.open();
    let holder: ChildProcess | undefined;
    try {
      const main = fileURLToPath(new URL("holder-main.mjs", import.meta.url));
      holder = spawn(process.execPath, [main, kind, broker.server?.url ?? ""], {
        stdio: ["ignore", "pipe", "inherit"],
        env: { PREFIX: broker.prefix },
      });
      const [line] = await once(createInterface({ input: holder.stdout as NodeJS.ReadableStream }), "line");
      expect(await bus.lease("held", { ttlMs: 1000 })).toBeUndefined();
      const died = performance.now();
      holder.kill("SIGKILL");
      const lease = await waitFor(() => bus.lease("held", { ttlMs: 1000 }));
      expect(performance.now() - died).toBeGreaterThan(500);
      expect(lease.fence).toBeGreaterThan(Number(line));
    } finally {
      holder?.kill("SIGKILL");
      await bus.close();
      await broker.stop();
    }
  });
});

test("a server that is not there is named at the start, without the password", async () => {
  const password = secret("broker-password");
  const port = await freePort();
  for (const [setting, scheme] of [
    ["natsUrl", "nats"],
    ["redisUrl", "redis"],
  ] as const) {
    const failed = openBus({ [setting]: `${scheme}://user:${password}@127.0.0.1:${port}`, connectTimeoutMs: 500 });
    const error = await failed.then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    expect(error).toMatchObject({ code: "UNAVAILABLE" });
    expect(error?.message).toContain(`127.0.0.1:${port}`);
    expect(error?.message).not.toContain(password);
  }
});
