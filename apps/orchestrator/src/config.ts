import { ConfigError, envVar, readConfig } from "@stream-control/service-kit";
import { type KeySettings, requireKeys, secretsVariables } from "@stream-control/service-kit/secrets";
import { z } from "zod";
import { DEFAULT_RESTART } from "./jobs/restart-policy.js";
import type { OrchestratorOptions } from "./orchestrator.js";

/** Every variable that the service reads, with its default. */
const variables = z.object({
  PORT: envVar.port().default(8080),
  AGENT_TOKEN: z.string().min(1).max(4096).default("dev-shared-token"),
  HEARTBEAT_INTERVAL_MS: envVar.ms({ min: 50 }).default(3000),
  HEARTBEAT_TIMEOUT_MS: envVar.ms({ min: 100 }).default(10_000),
  STOP_GRACE_MS: envVar.ms().default(10_000),
  KILL_AFTER_MS: envVar.ms().default(5000),
  NODE_ENV: z.enum(["development", "production", "test"]).default("development"),
  ALLOWED_ORIGINS: envVar.list().default([]),
  DATA_DIR: z.string().default("./data/orchestrator"),
  ...secretsVariables,
  MEDIA_DIR: z.string().optional(),
  ASSIGN_ACK_TIMEOUT_MS: envVar.ms({ min: 50 }).default(10_000),
  LEASE_MS: envVar.ms({ min: 500 }).default(12_000),
  JOB_UNKNOWN_TIMEOUT_MS: envVar.ms({ min: 1000 }).default(900_000),
  MAX_RESTARTS: envVar.int({ max: 1000 }).default(DEFAULT_RESTART.maxRestarts),
  RESTART_BASE_MS: envVar.ms({ min: 1 }).default(DEFAULT_RESTART.baseMs),
  RESTART_MAX_MS: envVar.ms({ min: 1 }).default(DEFAULT_RESTART.maxMs),
  STREAM_LOCALE: z.string().refine(accepted("locale"), "must be a locale such as en-US").default("en-US"),
  STREAM_TIME_ZONE: z.string().refine(accepted("timeZone"), "must be a time zone such as Europe/Berlin").optional(),
  LOG_LEVEL: envVar.logLevel().default("info"),
});

/** Whether the runtime knows the locale or time zone. */
function accepted(kind: "locale" | "timeZone") {
  return (value: string): boolean => {
    try {
      new Intl.DateTimeFormat(kind === "locale" ? value : "en-US", kind === "timeZone" ? { timeZone: value } : {});
      return true;
    } catch {
      return false;
    }
  };
}

export interface ServiceConfig {
  logLevel: string;
  orchestrator: OrchestratorOptions & { dataDir: string };
  /** Where the keys are that encrypt the secrets in the database. */
  keys: KeySettings;
}

/**
 * Reads the service's configuration.
 *
 * @throws ConfigError that lists every wrong variable.
 */
export function loadConfig(env: Record<string, string | undefined>): ServiceConfig {
  const v = readConfig(variables, env);
  if (v.HEARTBEAT_TIMEOUT_MS <= v.HEARTBEAT_INTERVAL_MS)
    throw new ConfigError(
      "The configuration is wrong: HEARTBEAT_TIMEOUT_MS must be greater than HEARTBEAT_INTERVAL_MS, or every agent times out between two heartbeats.",
    );
  if (v.LEASE_MS <= v.HEARTBEAT_INTERVAL_MS)
    throw new ConfigError(
      "The configuration is wrong: LEASE_MS must be greater than HEARTBEAT_INTERVAL_MS, or every lease runs out between two heartbeats.",
    );
  requireKeys(v, v.NODE_ENV);
  return {
    logLevel: v.LOG_LEVEL,
    keys: v,
    orchestrator: {
      port: v.PORT,
      agentToken: v.AGENT_TOKEN,
      heartbeatIntervalMs: v.HEARTBEAT_INTERVAL_MS,
      heartbeatTimeoutMs: v.HEARTBEAT_TIMEOUT_MS,
      stopGraceMs: v.STOP_GRACE_MS,
      killAfterMs: v.KILL_AFTER_MS,
      ...(v.NODE_ENV === "production" ? { allowedOrigins: v.ALLOWED_ORIGINS } : {}),
      dataDir: v.DATA_DIR,
      ...(v.MEDIA_DIR === undefined ? {} : { mediaDir: v.MEDIA_DIR }),
      ackTimeoutMs: v.ASSIGN_ACK_TIMEOUT_MS,
      leaseMs: v.LEASE_MS,
      unknownTimeoutMs: v.JOB_UNKNOWN_TIMEOUT_MS,
      restart: { ...DEFAULT_RESTART, maxRestarts: v.MAX_RESTARTS, baseMs: v.RESTART_BASE_MS, maxMs: v.RESTART_MAX_MS },
      titles: {
        locale: v.STREAM_LOCALE,
        ...(v.STREAM_TIME_ZONE === undefined ? {} : { timeZone: v.STREAM_TIME_ZONE }),
      },
    },
  };
}
