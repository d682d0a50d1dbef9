import { expect, test } from "@jest/globals";
import { loadConfig } from "../src/config.js";

test("everything has a default, and every timeout is configurable", () => {
  const { scenes } = loadConfig({});
  expect(scenes).toMatchObject({ port: 3100, accessControl: "loopback", natsUrl: undefined });
  expect(scenes.service).toMatchObject({ heartbeatIntervalMs: 30_000, staleTimeoutMs: 90_000, idleTimeoutMs: 60_000 });
  const set = loadConfig({
    STALE_TIMEOUT_MS: "45000",
    IDLE_TIMEOUT_MS: "5000",
    HEARTBEAT_INTERVAL_MS: "10000",
    NATS_URL: "nats://n:4222",
  });
  expect(set.scenes).toMatchObject({
    natsUrl: "nats://n:4222",
    service: { staleTimeoutMs: 45_000, idleTimeoutMs: 5000 },
  });
});

test("what is wrong is named, and what does not fit together is explained", () => {
  expect(() => loadConfig({ PORT: "x", IDLE_TIMEOUT_MS: "soon" })).toThrow(/PORT.*IDLE_TIMEOUT_MS/s);
  expect(() => loadConfig({ STALE_TIMEOUT_MS: "1000", HEARTBEAT_INTERVAL_MS: "1000" })).toThrow(
    "STALE_TIMEOUT_MS must be greater",
  );
  expect(() => loadConfig({ NODE_ENV: "production", ACCESS_CONTROL: "off" })).toThrow("ACCESS_CONTROL");
});
