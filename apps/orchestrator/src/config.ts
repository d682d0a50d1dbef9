import { ConfigError, envVar, readConfig } from "@stream-control/service-kit";
import { ACCESS_MODES } from "@stream-control/service-kit/access";
import { doorVariables, readDoor } from "@stream-control/service-kit/http";
import { oidcVariables, readOidc } from "@stream-control/service-kit/oidc";
import {
  accessCheck,
  keyCheck,
  originCheck,
  productionWarnings,
  refuseWeakProduction,
  secretCheck,
} from "@stream-control/service-kit/production";
import { type KeySettings, requireOneSource, secretsVariables } from "@stream-control/service-kit/secrets";
import { z } from "zod";
import { AGENT_AUTH_MODES } from "./agents/admission.js";
import { configurationVariables, readEnvironment } from "./configuration/environment.js";
import { USUAL_FILE } from "./configuration/file.js";
import { DEFAULT_RESTART } from "./jobs/restart-policy.js";
import { problemOfWording } from "./jobs/wording.js";
import type { OrchestratorOptions } from "./options.js";
import { DEFAULT_PREVIEWS } from "./preview/previews.js";
import { publicVariables, publicWarnings, readPublic } from "./public/settings.js";
import { readResults, resultVariables } from "./renders/files/settings.js";
import { readWebhooks, webhookVariables } from "./webhooks/settings.js";
import { readYouTube, youtubeVariables } from "./youtube/settings.js";

/** A text with `{placeholders}` and `[groups]`. */
const wording = z
  .string()
  .max(5000)
  .superRefine((text, context) => {
    const problem = problemOfWording(text);
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
  });

/** Every variable that the service reads, with its default. */
const variables = z.object({
  ...doorVariables,
  ...oidcVariables,
  ...youtubeVariables,
  ...publicVariables,
  ...webhookVariables,
  ...resultVariables,
  ...configurationVariables,
  PORT: envVar.port().default(8080),
  AGENT_TOKEN: z.string().min(1).max(4096).default("dev-shared-token"),
  AGENT_AUTH: z.enum(AGENT_AUTH_MODES).default("token"),
  ACCESS_CONTROL: z.enum(ACCESS_MODES).optional(),
  HEARTBEAT_INTERVAL_MS: envVar.ms({ min: 50 }).default(3000),
  HEARTBEAT_TIMEOUT_MS: envVar.ms({ min: 100 }).default(10_000),
  STOP_GRACE_MS: envVar.ms().default(10_000),
  KILL_AFTER_MS: envVar.ms().default(5000),
  ALLOW_WEAK_AGENT_TOKEN: envVar.flag().default(false),
  ALLOW_NO_ACCESS_CONTROL: envVar.flag().default(false),
  ALLOW_ANY_ORIGIN: envVar.flag().default(false),
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
  STREAM_TITLE: wording.optional(),
  STREAM_DESCRIPTION: wording.optional(),
  STREAM_TITLE_WITHOUT_CONTEXT: wording.optional(),
  STREAM_DESCRIPTION_WITHOUT_CONTEXT: wording.optional(),
  STREAM_TIME_ZONE: z.string().refine(accepted("timeZone"), "must be a time zone such as Europe/Berlin").optional(),
  MAX_PREVIEW_VIEWERS: envVar.int({ max: 10_000 }).default(DEFAULT_PREVIEWS.viewersPerJob),
  MAX_PREVIEWS_PER_AGENT: envVar.int({ max: 10_000 }).default(DEFAULT_PREVIEWS.previewsPerAgent),
  EVENT_RETENTION_DAYS: envVar.int({ min: 1, max: 36_500 }).optional(),
  JOB_RETENTION_DAYS: envVar.int({ min: 1, max: 36_500 }).optional(),
  LOG_LEVEL: envVar.logLevel().default("info"),
});

const DAY_MS = 86_400_000;

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
  /** What is not forbidden, but rarely meant. */
  warnings: string[];
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
  const production = v.NODE_ENV === "production";
  if (production)
    refuseWeakProduction([
      accessCheck(v.ACCESS_CONTROL === undefined || v.ACCESS_CONTROL === "required", v.ALLOW_NO_ACCESS_CONTROL),
      // With certificates alone nobody is let in by it.
      ...(v.AGENT_TOKEN === "none" || v.AGENT_AUTH === "certificate" ? [] : [agentTokenCheck(v)]),
      originCheck(v.ALLOWED_ORIGINS, v.ALLOW_ANY_ORIGIN),
      keyCheck(v.SECRETS_KEY !== undefined || v.SECRETS_KEY_FILE !== undefined, v.SECRETS_KEY_IN_DATA_DIR),
    ]);
  requireOneSource(v);
  const { settings: door, allowedOrigins } = readDoor(v);
  const oidc = readOidc(v, { production, port: v.PORT });
  const youtube = readYouTube(v);
  const anybody = readPublic(v);
  if (v.AGENT_AUTH !== "token" && door.tls?.clientCaFile === undefined)
    throw new ConfigError(
      `The configuration is wrong: AGENT_AUTH=${v.AGENT_AUTH} needs TLS_CERT_FILE, TLS_KEY_FILE and TLS_CLIENT_CA_FILE, whose authority signs the agents' certificates.`,
    );
  return {
    logLevel: v.LOG_LEVEL,
    keys: v,
    warnings: [
      ...(production ? productionWarnings({ hasTls: door.tls !== undefined, trustedProxies: v.TRUSTED_PROXIES }) : []),
      ...publicWarnings(anybody, v.TRUSTED_PROXIES),
    ],
    orchestrator: {
      port: v.PORT,
      agentToken: v.AGENT_TOKEN === "none" ? null : v.AGENT_TOKEN,
      agentAuth: v.AGENT_AUTH,
      accessControl: v.ACCESS_CONTROL ?? (production ? "required" : "loopback"),
      heartbeatIntervalMs: v.HEARTBEAT_INTERVAL_MS,
      heartbeatTimeoutMs: v.HEARTBEAT_TIMEOUT_MS,
      stopGraceMs: v.STOP_GRACE_MS,
      killAfterMs: v.KILL_AFTER_MS,
      ...(allowedOrigins === undefined ? {} : { allowedOrigins }),
      door,
      ...(oidc === undefined ? {} : { oidc }),
      ...(youtube === undefined ? {} : { youtube }),
      public: anybody,
      webhooks: readWebhooks(v, production),
      results: readResults(v),
      configuration: {
        environment: readEnvironment(v),
        file: v.CONFIG_FILE === undefined ? USUAL_FILE : { path: v.CONFIG_FILE, required: true },
      },
      dataDir: v.DATA_DIR,
      ...(v.MEDIA_DIR === undefined ? {} : { mediaDir: v.MEDIA_DIR }),
      ackTimeoutMs: v.ASSIGN_ACK_TIMEOUT_MS,
      leaseMs: v.LEASE_MS,
      unknownTimeoutMs: v.JOB_UNKNOWN_TIMEOUT_MS,
      restart: { ...DEFAULT_RESTART, maxRestarts: v.MAX_RESTARTS, baseMs: v.RESTART_BASE_MS, maxMs: v.RESTART_MAX_MS },
      retention: {
        ...(v.EVENT_RETENTION_DAYS === undefined ? {} : { eventsMs: v.EVENT_RETENTION_DAYS * DAY_MS }),
        ...(v.JOB_RETENTION_DAYS === undefined ? {} : { jobsMs: v.JOB_RETENTION_DAYS * DAY_MS }),
      },
      previews: { viewersPerJob: v.MAX_PREVIEW_VIEWERS, previewsPerAgent: v.MAX_PREVIEWS_PER_AGENT },
      titles: {
        locale: v.STREAM_LOCALE,
        ...(v.STREAM_TIME_ZONE === undefined ? {} : { timeZone: v.STREAM_TIME_ZONE }),
        wording: {
          ...(v.STREAM_TITLE === undefined ? {} : { title: v.STREAM_TITLE }),
          ...(v.STREAM_DESCRIPTION === undefined ? {} : { description: v.STREAM_DESCRIPTION }),
          ...(v.STREAM_TITLE_WITHOUT_CONTEXT === undefined
            ? {}
            : { titleWithoutContext: v.STREAM_TITLE_WITHOUT_CONTEXT }),
          ...(v.STREAM_DESCRIPTION_WITHOUT_CONTEXT === undefined
            ? {}
            : { descriptionWithoutContext: v.STREAM_DESCRIPTION_WITHOUT_CONTEXT }),
        },
      },
    },
  };
}

const agentTokenCheck = (v: { AGENT_TOKEN: string; ALLOW_WEAK_AGENT_TOKEN: boolean }) =>
  secretCheck("AGENT_TOKEN", v.AGENT_TOKEN, { variable: "ALLOW_WEAK_AGENT_TOKEN", isSet: v.ALLOW_WEAK_AGENT_TOKEN });
const auditVariables = z.object({
  DATA_DIR: variables.shape.DATA_DIR,
  STREAM_CONTROL_API_KEY: z.string().max(4096).optional(),
});

/** What the command `audit` needs; nothing else has to be set for it. */
export function loadAuditConfig(env: Record<string, string | undefined>): { dataDir: string; apiKey?: string } {
  const { DATA_DIR: dataDir, STREAM_CONTROL_API_KEY: apiKey } = readConfig(auditVariables, env);
  return { dataDir, ...(apiKey === undefined ? {} : { apiKey }) };
}
