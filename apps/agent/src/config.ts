import { isIP } from "node:net";
import { availableParallelism, hostname, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { childEnvironment } from "@stream-control/ffmpeg";
import {
  bucketNameSchema,
  bucketSettings,
  bucketVariables,
  objectStoreEnvironment,
} from "@stream-control/object-store";
import { roomSchema } from "@stream-control/protocol";
import { ConfigError, envVar, readConfig } from "@stream-control/service-kit";
import { AllowedNetworks } from "@stream-control/service-kit/egress";
import { z } from "zod";
import type { CredentialSources } from "./credentials.js";
import { refuseOpenAgent } from "./production.js";
import type { RenderStores, RunnerSpec } from "./runner/contract.js";

/** What a job's source or destination may be; URL schemes, and `file`, `test` and `device`. */
export const PROTOCOLS = ["rtmp", "rtmps", "srt", "rtsp", "rtsps", "http", "https", "file", "test", "device"] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/**
 * What jobs may reach unless told otherwise. Cameras and encoders stand in the room's own network, so that has to be
 * possible; this machine's own services are no business of a job's once it is in production.
 */
const USUAL_NETWORKS = { development: ["public", "private", "loopback"], production: ["public", "private"] };

const networksProblem = (entries: readonly string[]): string | undefined => {
  try {
    AllowedNetworks.parse(entries);
    return undefined;
  } catch (thrown) {
    return thrown instanceof RangeError ? thrown.message : "can't be read";
  }
};

/** An address with or without a port, an IPv6 one in brackets where there is a port. */
const isNameServer = (entry: string) => {
  const [, bracketed, plain] = /^(?:\[([^\]]+)\]|([^:]+))(?::\d{1,5})?$/.exec(entry) ?? [];
  return isIP(bracketed ?? plain ?? entry) !== 0;
};

const isWebSocketUrl = (value: string) => URL.canParse(value) && /^wss?:$/.test(new URL(value).protocol);

/** Every environment variable of the agent; `apps/agent/README.md` explains them. */
const variables = z.object({
  ORCHESTRATOR_URL: z
    .string()
    .refine(isWebSocketUrl, "must be a WebSocket address such as ws://localhost:8080/agent")
    .default("ws://localhost:8080/agent"),
  AGENT_TOKEN: z.string().max(4096).optional(),
  AGENT_TOKEN_FILE: z.string().optional(),
  TLS_CA_FILE: z.string().optional(),
  TLS_CERT_FILE: z.string().optional(),
  TLS_KEY_FILE: z.string().optional(),
  ALLOW_PLAIN_CONNECTION: envVar.flag().default(false),
  ALLOW_WEAK_AGENT_TOKEN: envVar.flag().default(false),
  AGENT_ID: z
    .string()
    .max(128)
    .regex(/^\S(.*\S)?$/, "must be printable text")
    .optional(),
  AGENT_NAME: z.string().max(200).optional(),
  ROOM: roomSchema.optional(),
  SLOTS: envVar.int({ min: 1, max: 10_000 }).optional(),
  MAX_RESOLUTION: z
    .string()
    .regex(/^\d{2,5}p$/, 'must look like "1080p"')
    .optional(),
  DATA_DIR: z.string().default("./data/agent"),
  OUTPUT_DIRS: envVar.list().optional(),
  INPUT_DIRS: envVar.list().optional(),
  ALLOWED_PROTOCOLS: envVar
    .list()
    .pipe(z.array(z.enum(PROTOCOLS)))
    .default([...PROTOCOLS]),
  ALLOWED_NETWORKS: envVar
    .list()
    .superRefine((entries, context) => {
      const message = networksProblem(entries);
      if (message !== undefined) context.addIssue({ code: "custom", message });
    })
    .optional(),
  DNS_SERVERS: envVar
    .list()
    .refine(
      (entries) => entries.length > 0 && entries.every(isNameServer),
      "must be addresses such as 192.168.1.1 or 10.0.0.1:53",
    )
    .optional(),
  ...bucketVariables,
  SOURCE_BUCKETS: envVar.list().pipe(z.array(bucketNameSchema)).optional(),
  RENDER_CACHE_MAX_GB: envVar.int({ min: 0, max: 1_000_000 }).default(10),
  SOURCE_CACHE_MAX_GB: envVar.int({ min: 0, max: 1_000_000 }).default(10),
  NODE_ENV: z.enum(["development", "production", "test"]).default("development"),
  FFMPEG_PATH: z.string().default("ffmpeg"),
  FFPROBE_PATH: z.string().default("ffprobe"),
  LOG_LEVEL: envVar.logLevel().default("info"),
  DRAIN: envVar.flag().default(false),
  STOP_JOBS_ON_EXIT: envVar.flag().default(false),
  PREVIEWS: envVar.flag().default(true),
});

export interface AgentConfig {
  orchestratorUrl: string;
  credentials: CredentialSources;
  /** Undefined: made once and kept in `dataDir`. */
  agentId: string | undefined;
  name: string;
  /** Undefined: what its token says, or the default one. */
  room: string | undefined;
  tmpdir: string;
  slots: number;
  /** Such as `1080p`. */
  maxResolution: string | undefined;
  /** Absolute, as every folder here. */
  dataDir: string;
  /** Folders below which jobs may write; relative paths of a job are below the first. */
  outputDirs: string[];
  /** Where what is rendered goes, and where its sources may come from. */
  renders: RenderStores;
  /** Folders below which files may be read as a source. */
  inputDirs: string[];
  allowedProtocols: readonly Protocol[];
  /** What of the network jobs may reach, and who is asked for names. */
  reach: RunnerSpec["reach"];
  ffmpegPath: string;
  ffprobePath: string;
  logLevel: z.infer<typeof variables>["LOG_LEVEL"];
  drain: boolean;
  stopJobsOnExit: boolean;
  previews: boolean;
  /** The environment of ffmpegs: what they need and nothing of the agent's own. */
  childEnv: Record<string, string>;
  /** The environment of runners: the same, and what finds the credentials of a bucket where there is one. */
  runnerEnv: Record<string, string>;
}

/** What of the machine the defaults are made from. */
export interface Machine {
  hostname: string;
  cores: number;
  tmpdir: string;
}

/** Cores that one 720p30 encode keeps busy, about; a slot is worth that many. */
const CORES_PER_SLOT = 2;

/** A bare name is looked up by the system; a path is made absolute, because runners work in folders of their own. */
const program = (given: string) => (given.includes("/") ? resolve(given) : given);

type Given = z.infer<typeof variables>;

const GB = 1_000_000_000;

/** They are where the bucket of results is, if there is one. */
function sourceBucketsOf({ SOURCE_BUCKETS: names = [], ...given }: Given): RenderStores["sourceBuckets"] {
  const [first] = names;
  const found = first === undefined ? undefined : bucketSettings({ ...given, S3_BUCKET: first });
  if (found === undefined) return undefined;
  const { endpoint, region, forcePathStyle } = found;
  return { names, endpoint, region, forcePathStyle };
}

/** @throws ConfigError where two variables contradict each other. */
function credentialSources(given: Given): CredentialSources {
  const wrong = (words: string) => new ConfigError(`The configuration is wrong: ${words}.`);
  if (given.AGENT_TOKEN !== undefined && given.AGENT_TOKEN_FILE !== undefined)
    throw wrong("AGENT_TOKEN and AGENT_TOKEN_FILE are both given; take one of them away");
  if ((given.TLS_CERT_FILE === undefined) !== (given.TLS_KEY_FILE === undefined))
    throw wrong("TLS_CERT_FILE and TLS_KEY_FILE go together");
  const path = (file: string | undefined) => (file === undefined ? undefined : resolve(file));
  const tls = { ca: path(given.TLS_CA_FILE), cert: path(given.TLS_CERT_FILE), key: path(given.TLS_KEY_FILE) };
  if (new URL(given.ORCHESTRATOR_URL).protocol === "ws:" && (tls.ca !== undefined || tls.cert !== undefined))
    throw wrong("TLS_CA_FILE and TLS_CERT_FILE are for a wss: address in ORCHESTRATOR_URL");
  return { token: given.AGENT_TOKEN ?? "dev-shared-token", tokenFile: path(given.AGENT_TOKEN_FILE), tls };
}

/** @throws ConfigError naming every variable that is wrong, or what must not be so in production. */
export function agentConfig(env: Record<string, string | undefined>, machine: Machine): AgentConfig {
  const given = readConfig(variables, env);
  const dataDir = resolve(given.DATA_DIR);
  const credentials = credentialSources(given);
  if (given.NODE_ENV === "production")
    refuseOpenAgent({
      orchestratorUrl: given.ORCHESTRATOR_URL,
      token: credentials.tokenFile === undefined && credentials.tls.cert === undefined ? credentials.token : undefined,
      allowPlainConnection: given.ALLOW_PLAIN_CONNECTION,
      allowWeakToken: given.ALLOW_WEAK_AGENT_TOKEN,
    });
  const folders = (list: string[] | undefined) =>
    list === undefined || list.length === 0
      ? [join(dataDir, "media"), resolve(machine.tmpdir)]
      : list.map((folder) => resolve(folder));
  const outputDirs = folders(given.OUTPUT_DIRS);
  const bucket = bucketSettings(given);
  const sourceBuckets = sourceBucketsOf(given);
  return {
    orchestratorUrl: given.ORCHESTRATOR_URL,
    credentials,
    agentId: given.AGENT_ID,
    name: given.AGENT_NAME ?? machine.hostname.slice(0, 200),
    room: given.ROOM,
    tmpdir: resolve(machine.tmpdir),
    slots: given.SLOTS ?? Math.max(1, Math.floor(machine.cores / CORES_PER_SLOT)),
    maxResolution: given.MAX_RESOLUTION,
    dataDir,
    outputDirs,
    renders: {
      store: bucket === undefined ? { kind: "folder", root: outputDirs[0] ?? dataDir } : { kind: "s3", ...bucket },
      sourceCache: { folder: join(dataDir, "cache", "sources"), maxBytes: given.SOURCE_CACHE_MAX_GB * GB },
      renderCache: {
        ...{ folder: join(dataDir, "cache", "renders"), maxBytes: given.RENDER_CACHE_MAX_GB * GB, encoder: "" },
      },
      ...(sourceBuckets === undefined ? {} : { sourceBuckets }),
    },
    inputDirs: given.INPUT_DIRS === undefined ? outputDirs : folders(given.INPUT_DIRS),
    allowedProtocols: given.ALLOWED_PROTOCOLS,
    reach: {
      networks:
        given.ALLOWED_NETWORKS ?? USUAL_NETWORKS[given.NODE_ENV === "production" ? "production" : "development"],
      ...(given.DNS_SERVERS === undefined ? {} : { dnsServers: given.DNS_SERVERS }),
    },
    ffmpegPath: program(given.FFMPEG_PATH),
    ffprobePath: program(given.FFPROBE_PATH),
    logLevel: given.LOG_LEVEL,
    drain: given.DRAIN,
    stopJobsOnExit: given.STOP_JOBS_ON_EXIT,
    previews: given.PREVIEWS,
    childEnv: childEnvironment(env),
    runnerEnv: { ...childEnvironment(env), ...((bucket ?? sourceBuckets) ? objectStoreEnvironment(env) : {}) },
  };
}

/** The configuration of this process. @throws ConfigError naming every variable that is wrong. */
export const processConfig = (): AgentConfig =>
  agentConfig(process.env, { hostname: hostname(), cores: availableParallelism(), tmpdir: tmpdir() });
