import { envVar, readConfig } from "@stream-control/service-kit";
import { ACCESS_MODES } from "@stream-control/service-kit/access";
import { doorVariables, readDoor } from "@stream-control/service-kit/http";
import {
  accessCheck,
  originCheck,
  productionWarnings,
  refuseWeakProduction,
} from "@stream-control/service-kit/production";
import { z } from "zod";
import { DEFAULTS, type LivestreamOptions } from "./options.js";

const word = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, "must be 1 to 64 letters, digits, - and _");

/** Every variable that the service reads, with its default. */
const variables = z.object({
  ...doorVariables,
  PORT: envVar.port().default(DEFAULTS.port),
  GRPC_PORT: envVar.port().default(DEFAULTS.grpcPort),
  DATA_DIR: z.string().default(DEFAULTS.dataDir),
  DATABASE_URL: z.string().max(4096).optional(),
  NATS_URL: z.string().max(4096).optional(),
  REDIS_URL: z.string().max(4096).optional(),
  BUS_PREFIX: word.default(DEFAULTS.busPrefix),
  INSTANCE_ID: word.optional(),
  LIVEKIT_URL: z.url({
    protocol: /^(wss?|https?)$/,
    error: "must be an address such as wss://my-project.livekit.cloud",
  }),
  LIVEKIT_API_KEY: z.string("is missing").min(1),
  LIVEKIT_API_SECRET: z.string("is missing").min(1),
  LIVEKIT_TIMEOUT_MS: envVar.ms({ min: 100, max: 60_000 }).default(DEFAULTS.livekitTimeoutMs),
  TOKEN_TTL_SECONDS: envVar.int({ min: 60, max: 30 * 86_400 }).default(DEFAULTS.tokenTtlSeconds),
  ROOM_EMPTY_TIMEOUT_SECONDS: envVar.int({ min: 1, max: 86_400 }).default(DEFAULTS.emptyTimeoutSeconds),
  RECONCILE_INTERVAL_MS: envVar.ms({ min: 100 }).default(DEFAULTS.reconcileEveryMs),
  JOIN_TIMEOUT_MS: envVar.ms({ min: 1000 }).default(DEFAULTS.joinTimeoutMs),
  RETENTION_DAYS: envVar.int({ min: 1, max: 36_500 }).default(DEFAULTS.retentionMs / 86_400_000),
  ACCESS_CONTROL: z.enum(ACCESS_MODES).optional(),
  ALLOW_NO_ACCESS_CONTROL: envVar.flag().default(false),
  ALLOW_ANY_ORIGIN: envVar.flag().default(false),
  LOG_LEVEL: envVar.logLevel().default("info"),
});

export interface ServiceConfig {
  logLevel: string;
  warnings: string[];
  livestream: LivestreamOptions;
}

/** @throws ConfigError that lists every wrong variable. */
export function loadConfig(env: Record<string, string | undefined>): ServiceConfig {
  const v = readConfig(variables, env);
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
    livestream: {
      livekit: { url: v.LIVEKIT_URL, apiKey: v.LIVEKIT_API_KEY, apiSecret: v.LIVEKIT_API_SECRET },
      ...{ port: v.PORT, grpcPort: v.GRPC_PORT, dataDir: v.DATA_DIR, databaseUrl: v.DATABASE_URL, door },
      ...{ natsUrl: v.NATS_URL, redisUrl: v.REDIS_URL, busPrefix: v.BUS_PREFIX, instance: v.INSTANCE_ID },
      ...{ livekitTimeoutMs: v.LIVEKIT_TIMEOUT_MS, tokenTtlSeconds: v.TOKEN_TTL_SECONDS },
      ...{ emptyTimeoutSeconds: v.ROOM_EMPTY_TIMEOUT_SECONDS, reconcileEveryMs: v.RECONCILE_INTERVAL_MS },
      ...{ joinTimeoutMs: v.JOIN_TIMEOUT_MS, retentionMs: v.RETENTION_DAYS * 86_400_000 },
      ...(allowedOrigins === undefined ? {} : { allowedOrigins }),
      accessControl: v.ACCESS_CONTROL ?? (production ? "required" : "loopback"),
    },
  };
}
