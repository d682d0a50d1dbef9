import { afterEach, describe, expect, test } from "@jest/globals";
import { healthReplySchema, readyReplySchema, servicesReplySchema } from "@stream-control/protocol";
import { silentLogger } from "@stream-control/service-kit";
import { temporaryFolder, waitFor } from "@stream-control/test-kit";
import { Settings } from "../src/configuration/settings.js";
import { Guards } from "../src/resilience/guards.js";
import { GuardedHouse } from "./guarded-house.js";
import { House } from "./house.js";

const SILENT = { type: "http", url: "http://camera.example:8080/live" };

describe("what platforms ask", () => {
  test("is answered without a key: the state of each part, and nothing that is the house's own business", async () => {
    await using guarded = await GuardedHouse.open();
    const asked = await guarded.house.api("GET", "/health");
    expect(healthReplySchema.parse(asked.body)).toEqual(asked.body);
    expect(asked).toMatchObject({ status: 200, body: { status: "degraded", health: { overall: "degraded" } } });
    expect(asked.body.circuitBreakers).toBeUndefined();
    for (const { status, message } of asked.body.health.components) expect(message).toBe(status);
    expect((await guarded.house.api("GET", "/api/v1/health")).body.health.components[0].message).toBe("healthy");
    const signedIn = await guarded.admin.api("GET", "/api/v1/health");
    expect(signedIn.body.health.components).toContainEqual({
      component: "agents",
      status: "degraded",
      message: "0 of 0 agents are connected, 0 take jobs, 0 of them renders.",
    });
    expect(signedIn.body.circuitBreakers).toEqual([]);
  });

  test("is healthy with an agent, and ready without one, since agents come to it", async () => {
    await using house = await House.open();
    const ready = await house.api("GET", "/ready");
    expect(readyReplySchema.parse(ready.body)).toEqual(ready.body);
    expect(ready).toMatchObject({ status: 200, body: { ready: true, status: "ready", reasons: [] } });
    await house.agent({ agentId: "one", features: ["renders"] });
    const { body } = await house.api("GET", "/health");
    expect(body).toMatchObject({ status: "healthy", health: { summary: "Everything is well." } });
    expect(body.uptime).toBeGreaterThanOrEqual(0);
    expect(body.version).toMatch(/^\d+\.\d+\.\d+/);
  });

  test("names what is wrong: where results cannot be fetched", async () => {
    await using folder = await temporaryFolder();
    await using house = await House.open({ mediaDir: folder.file("gone") });
    const { body } = await house.api("GET", "/api/v1/health");
    expect(body.health.components).toContainEqual(
      expect.objectContaining({ component: "results", status: "degraded", message: expect.stringContaining("ENOENT") }),
    );
    expect(body.health.summary).toContain("results");
    expect((await house.api("GET", "/ready")).status).toBe(200);
  });
});

test("services are the orchestrator, where results are, and the agents with what they can", async () => {
  await using folder = await temporaryFolder();
  await using house = await House.open({ mediaDir: folder.path });
  const agent = await house.agent({ agentId: "one", features: ["renders"] });
  const { body } = await house.api("GET", "/api/v1/services");
  expect(servicesReplySchema.parse(body)).toEqual(body);
  expect(body).toMatchObject({
    total: 3,
    services: [
      { type: "orchestrator", status: "healthy" },
      { id: "storage-folder", type: "storage", health: { status: "healthy", message: "Results can be fetched." } },
      { id: "one", type: "agent", status: "IDLE", version: "1.0.0", capabilities: { slots: 1, features: ["renders"] } },
    ],
  });
  await agent[Symbol.asyncDispose]();
  await waitFor(async () => {
    const { services } = (await house.api("GET", "/api/v1/services")).body;
    return services[2].status === "OFFLINE" && services[2].health.status === "unhealthy";
  });
});

describe("a source whose host keeps agents waiting", () => {
  test("is not asked any more for a while, until somebody resets its breaker", async () => {
    await using house = await House.open();
    const agent = await house.agent({ agentId: "one", features: ["probe"] });
    let asked = 0;
    agent.onMessage(({ type, payload }) => {
      if (type !== "orchestrator.probe") return;
      asked += 1;
      // It says what an agent says that waited in vain, as late as it would.
      const error = { code: "SOURCE_UNREADABLE", message: "Nothing came." };
      const answer = { probeId: payload.probeId, success: false, error };
      setTimeout(() => agent.send("agent.probe.result", answer), payload.deadlineMs);
    });
    const probe = (source: object = SILENT) => house.api("POST", "/v1/probe", { source, deadlineMs: 1000 });
    for (let look = 0; look < 5; look += 1) expect((await probe()).body.code).toBe("SOURCE_UNREADABLE");
    expect(await probe()).toMatchObject({ status: 503, body: { code: "CIRCUIT_OPEN" } });
    expect(asked).toBe(5);
    const breakers = async () => (await house.api("GET", "/api/v1/health")).body;
    const { status, circuitBreakers } = await breakers();
    expect(status).toBe("degraded");
    expect(circuitBreakers).toMatchObject([{ name: "sources:camera.example:8080", state: "open", failures: 5 }]);
    // Other hosts are none of its business.
    expect((await probe({ ...SILENT, url: "http://other.example/live" })).body.code).toBe("SOURCE_UNREADABLE");

    expect((await house.api("POST", "/api/v1/circuit-breaker/reset", { name: "nothing" })).status).toBe(404);
    const reset = await house.api("POST", "/api/v1/circuit-breaker/reset", { name: "sources" });
    expect(reset.body.reset).toContain("sources:camera.example:8080");
    expect((await probe()).body.code).toBe("SOURCE_UNREADABLE");
    expect((await house.api("GET", "/v1/audit?type=breaker.reset")).body.items).toHaveLength(1);
  });
});

describe("a guarded call", () => {
  const logger = silentLogger();
  const settings = new Settings();
  afterEach(() => settings.change({ runtime: new Map() }));
  const open = (options: object = {}) => {
    const guards = new Guards({ settings, logger, now: () => new Date() });
    return {
      guards,
      guard: guards.guard("thing", { isFailure: (thrown) => thrown instanceof RangeError, ...options }),
    };
  };
  const failing = () => Promise.reject(new RangeError("no"));

  test("is tried again where that helps and is wanted, and never for a caller's own mistake", async () => {
    const { guard } = open({ tries: 3 });
    let tries = 0;
    const call = (error: Error, until: number) => async () => {
      tries += 1;
      if (tries < until) throw error;
      return "done";
    };
    expect(await guard.run(call(new RangeError("passing"), 3))).toBe("done");
    tries = 0;
    await expect(guard.run(call(new TypeError("yours"), 3))).rejects.toThrow("yours");
    expect(tries).toBe(1);
    settings.change({ runtime: new Map([["resilience.retryEnabled", false]]) });
    tries = 0;
    await expect(guard.run(call(new RangeError("passing"), 3))).rejects.toThrow("passing");
    expect(tries).toBe(1);
  });

  test("is given up after its time, with its signal aborted", async () => {
    const { guard } = open({ timeoutMs: 50 });
    let aborted = false;
    const hanging = (signal: AbortSignal) =>
      new Promise<void>(() => {
        signal.addEventListener("abort", () => {
          aborted = true;
        });
      });
    await expect(guard.run(hanging)).rejects.toMatchObject({ code: "UPSTREAM_TIMEOUT" });
    expect(aborted).toBe(true);
    expect(guard.state.failures).toBe(1);
  });

  test("is refused where too many are under way, and at once while its breaker is open", async () => {
    const { guard, guards } = open({ atOnce: 1, waiting: 1 });
    const gate = Promise.withResolvers<void>();
    const first = guard.run(() => gate.promise);
    const second = guard.run(async () => undefined);
    await expect(guard.run(async () => undefined)).rejects.toMatchObject({ code: "OVERLOADED" });
    gate.resolve();
    await Promise.all([first, second]);
    for (let call = 0; call < 5; call += 1) await expect(guard.run(failing)).rejects.toThrow("no");
    await expect(guard.run(async () => "yes")).rejects.toMatchObject({ code: "CIRCUIT_OPEN", retryable: true });
    expect(guard.state).toMatchObject({ state: "open", failures: 5, nextTryAt: expect.any(String) });
    expect(guards.reset()).toEqual(["thing"]);
    expect(await guard.run(async () => "yes")).toBe("yes");
    expect(guard.state).toMatchObject({ state: "closed", failures: 0, nextTryAt: null });
    // Switched off, every call is made.
    settings.change({ runtime: new Map([["resilience.circuitBreakerEnabled", false]]) });
    for (let call = 0; call < 8; call += 1) await expect(guard.run(failing)).rejects.toThrow("no");
  });
});
