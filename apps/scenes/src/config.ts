import { ConfigError, envVar, readConfig } from "@stream-control/service-kit";
import { ACCESS_MODES } from "@stream-control/service-kit/access";
import { doorVariables, readDoor } from "@stream-control/service-kit/http";
import {
  accessCheck,
  originCheck,
  productionWarnings,
  refuseWeakProduction,
} from "@stream-control/service-kit/production";
import { z } from "zod";
import { DEFAULTS, type ScenesOptions } from "./options.js";
import { DEFAULT_SERVICE } from "./service/settings.js";

/** Every variable that the service reads, with its default. */
const variables = z.object({
  ...doorVariables,
  PORT: envVar.port().default(DEFAULTS.port),
  DATA_DIR: z.string().default(DEFAULTS.dataDir),
  NATS_URL: z.string().max(4096).optional(),
  NATS_MONITOR_URL: z.url({ protocol: /^https?$/ }).optional(),
  NATS_REPLICAS: envVar.int({ min: 1, max: 5 }).default(DEFAULTS.replicas),
  INSTANCE_ID: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, "must be 1 to 64 letters, digits, - and _")
    .optional(),
  ACCESS_CONTROL: z.enum(ACCESS_MODES).optional(),
  ALLOW_NO_ACCESS_CONTROL: envVar.flag().default(false),
  ALLOW_ANY_ORIGIN: envVar.flag().default(false),
  HEARTBEAT_INTERVAL_MS: envVar.ms({ min: 50 }).default(DEFAULT_SERVICE.heartbeatIntervalMs),
  STALE_TIMEOUT_MS: envVar.ms({ min: 100 }).default(DEFAULT_SERVICE.staleTimeoutMs),
  IDLE_TIMEOUT_MS: envVar.ms({ min: 0, max: 31_622_400_000 }).default(DEFAULT_SERVICE.idleTimeoutMs),
  WAITING_TIMEOUT_MS: envVar.ms({ min: 0, max: 31_622_400_000 }).default(DEFAULT_SERVICE.waitingTimeoutMs),
  LATE_LIMIT_MS: envVar.ms({ max: 600_000 }).default(DEFAULT_SERVICE.lateLimitMs),
  MAX_UPDATES_PER_SECOND: envVar.int({ max: 1000 }).default(DEFAULT_SERVICE.maxUpdatesPerSecond),
  MAX_TIMELINES: envVar.int({ min: 1, max: 1_000_000 }).default(DEFAULT_SERVICE.maxTimelines),
  MAX_SUBSCRIBERS: envVar.int({ min: 1, max: 10_000_000 }).default(DEFAULT_SERVICE.maxSubscribers),
  AS_RUN_RETENTION_DAYS: envVar.int({ min: 0, max: 36_500 }).default(30),
  LOG_LEVEL: envVar.logLevel().default("info"),
});

export interface ServiceConfig {
  logLevel: string;
  warnings: string[];
  scenes: ScenesOptions;
}

/** @throws ConfigError that lists every wrong variable. */
export function loadConfig(env: Record<string, string | undefined>): ServiceConfig {
  const v = readConfig(variables, env);
  if (v.STALE_TIMEOUT_MS <= v.HEARTBEAT_INTERVAL_MS)
    throw new ConfigError(
      "The configuration is wrong: STALE_TIMEOUT_MS must be greater than HEARTBEAT_INTERVAL_MS, or every subscriber is dropped between two heartbeats.",
    );
  const production = v.NODE_ENV === "production";
  if (production)
    refuseWeakProduction([
      accessCheck(v.ACCESS_CONTROL === undefined || v.ACCESS_CONTROL === "required", v.ALLOW_NO_ACCESS_CONTROL),
      originCheck(v.ALLOWED_ORIGINS, v.ALLOW_ANY_ORIGIN),
    ]);
  const { settings: door, allowedOrigins } = readDoor(v);
  return {
    logLevel: v.LOG_LEVEL,
    warnings: production
      ? productionWarnings({ hasTls: door.tls !== undefined, trustedProxies: v.TRUSTED_PROXIES })
      : [],
    scenes: {
      ...{
        port: v.PORT,
        dataDir: v.DATA_DIR,
        natsUrl: v.NATS_URL,
        natsMonitorUrl: v.NATS_MONITOR_URL,
        replicas: v.NATS_REPLICAS,
        instance: v.INSTANCE_ID,
        door,
      },
      ...(allowedOrigins === undefined ? {} : { allowedOrigins }),
      accessControl: v.ACCESS_CONTROL ?? (production ? "required" : "loopback"),
      keepRemovedMs: v.AS_RUN_RETENTION_DAYS * 86_400_000,
      service: {
        ...{ heartbeatIntervalMs: v.HEARTBEAT_INTERVAL_MS, staleTimeoutMs: v.STALE_TIMEOUT_MS },
        ...{ idleTimeoutMs: v.IDLE_TIMEOUT_MS, waitingTimeoutMs: v.WAITING_TIMEOUT_MS, lateLimitMs: v.LATE_LIMIT_MS },
        ...{
          maxTimelines: v.MAX_TIMELINES,
          maxUpdatesPerSecond: v.MAX_UPDATES_PER_SECOND,
          maxSubscribers: v.MAX_SUBSCRIBERS,
        },
      },
    },
  };
}
