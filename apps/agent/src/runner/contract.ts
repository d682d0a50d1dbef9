import {
  destinationSchema,
  errorInfoSchema,
  jsonObjectSchema,
  overlayTextsSchema,
  progressSchema,
  renderRequestSchema,
  renderTaskSchema,
  sourceSchema,
  streamConfigSchema,
} from "@stream-control/protocol";
import { z } from "zod";
import { cacheSchema } from "../cache/contract.js";
import { resultStoreSchema } from "../results/contract.js";

/**
 * The contract between the agent and a runner, the detached process that runs one job.
 *
 * The agent makes a folder per job and writes {@link anySpecSchema} into `spec.json` (it holds stream keys: mode
 * 0600), then starts the runner with that folder as its only argument. The runner listens on the Unix socket
 * `spec.socketPath` and speaks newline-delimited JSON on it: first a `hello`, then events; it answers every command with
 * a `reply`. Any number of agents may come and go; the runner needs none. Its last act is to write
 * {@link runnerResultSchema} into `result.json` (by rename, so that it is whole or absent) and to exit 0. A folder whose
 * runner is gone without a `result.json` belonged to a runner that was killed.
 */
export const SPEC_FILE = "spec.json";
export const RESULT_FILE = "result.json";

/** What a job's ffmpegs may reach. */
export const reachPolicySchema = z.object({
  /** Words and networks; see `AllowedNetworks` of the service kit. */
  networks: z.array(z.string()),
  /** Name servers to ask instead of the system's. */
  dnsServers: z.array(z.string()).optional(),
});

/** What every runner is told. */
const anyJob = {
  jobId: z.string(),
  epoch: z.int().min(0),
  /**
   * A fenced job ends by itself (FAILED, `LEASE_EXPIRED`) when this time passes without a `lease.renew`; absent: it goes on
   * whatever happens to the agent.
   */
  leaseMs: z.int().positive().optional(),
  /** The same end on `os.uptime()`, in milliseconds: what is read late lasts no longer, nor does what a machine slept through. */
  leaseUntilUptimeMs: z.number().optional(),
  /** Absent in the specs of older agents. */
  reach: reachPolicySchema.default({ networks: ["public", "private", "loopback"] }),
  ffmpegPath: z.string(),
  ffprobePath: z.string(),
  socketPath: z.string(),
  /** From a stop to SIGTERM. */
  stopGraceMs: z.int().min(0),
  /** From SIGTERM to SIGKILL. */
  killAfterMs: z.int().min(0),
};

/** What the runner of a stream is told once, at its start. */
export const runnerSpecSchema = z.object({
  ...anyJob,
  /** Full, validated, with at least one destination; every path absolute and allowed. */
  config: streamConfigSchema,
  /** The encoder to use, already chosen from those that work on this machine. */
  videoEncoder: z.string(),
  muted: z.boolean(),
  /** Begin paused. */
  paused: z.boolean().default(false),
});
export type RunnerSpec = z.infer<typeof runnerSpecSchema>;

/** What the runner of a render is told. */
export const renderSpecSchema = z.object({
  ...anyJob,
  render: z.object({
    /** Every path of a source absolute and allowed. */
    request: renderRequestSchema,
    /** What of it; all of it unless given. */
    task: renderTaskSchema.optional(),
    /** The finished file is looked into before it is handed out. */
    qa: z.boolean().optional(),
    /** The key of the result, see `resultKey`. */
    file: z.string(),
    /** Where it goes. Absent in the specs of older agents, whose runners have read them. */
    store: resultStoreSchema.default({ kind: "folder", root: "" }),
    /** Where sources are kept that were fetched before; nowhere unless given. */
    sourceCache: cacheSchema.optional(),
    /** Where films are kept that were rendered before, and what tells the ffmpeg that made them; nowhere unless given. */
    renderCache: cacheSchema.extend({ encoder: z.string() }).optional(),
    /** Buckets that sources may lie in, and where they are; none unless given. */
    sourceBuckets: z
      .object({
        names: z.array(z.string()),
        endpoint: z.string().optional(),
        forcePathStyle: z.boolean(),
        region: z.string().optional(),
      })
      .optional(),
  }),
});
export type RenderSpec = z.infer<typeof renderSpecSchema>;
/** Where renders take from and put to beside what a job names, as their agent was set up. */
export type RenderStores = Pick<RenderSpec["render"], "store" | "sourceCache" | "renderCache" | "sourceBuckets">;

/** What any runner is told. */
export const anySpecSchema = z.union([renderSpecSchema, runnerSpecSchema]);
export type AnySpec = z.infer<typeof anySpecSchema>;

/** How the job ended. */
export const runnerResultSchema = z.object({
  status: z.enum(["STOPPED", "FAILED"]),
  error: errorInfoSchema.optional(),
  progress: progressSchema.optional(),
  endedAt: z.iso.datetime(),
});
export type RunnerResult = z.infer<typeof runnerResultSchema>;

/** `STARTING` until the first encoded frame, then `RUNNING`; `STOPPING` from a stop until the end. */
export const runnerStatusSchema = z.enum(["STARTING", "RUNNING", "STOPPING"]);
export type RunnerStatus = z.infer<typeof runnerStatusSchema>;

/** Agent to runner, one JSON object a line. `id` comes back in the reply. */
export const runnerCommandSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("mute"), id: z.string(), muted: z.boolean() }),
  z.object({ type: z.literal("pause"), id: z.string(), paused: z.boolean() }),
  z.object({ type: z.literal("destination.add"), id: z.string(), destination: destinationSchema }),
  z.object({ type: z.literal("destination.remove"), id: z.string(), destinationId: z.string() }),
  /** Another source from now on; null is the config's own one. */
  z.object({ type: z.literal("input.switch"), id: z.string(), source: sourceSchema.nullable() }),
  z.object({ type: z.literal("overlay"), id: z.string(), texts: overlayTextsSchema }),
  /** The job may go on for this long from now. */
  z.object({
    type: z.literal("lease.renew"),
    id: z.string(),
    leaseMs: z.int().positive(),
    /** As in the spec. */
    leaseUntilUptimeMs: z.number().optional(),
  }),
  /**
   * What goes out, as MPEG-TS from the next keyframe on, takes the place of JSON on this connection right behind the reply. A client
   * that is too slow misses whole groups of pictures.
   */
  z.object({ type: z.literal("stream"), id: z.string() }),
  /** Graceful; escalates by itself after the grace times. `deadlineMs` shortens them. */
  z.object({ type: z.literal("stop"), id: z.string(), deadlineMs: z.int().min(0).optional() }),
  /** At once. */
  z.object({ type: z.literal("kill"), id: z.string() }),
]);
export type RunnerCommand = z.infer<typeof runnerCommandSchema>;
/** A command to the job, and not to the connection. */
export type JobCommand = Exclude<RunnerCommand, { type: "stream" }>;

/** Runner to agent, one JSON object a line. */
export const runnerEventSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("hello"),
    jobId: z.string(),
    epoch: z.int(),
    pid: z.int(),
    status: runnerStatusSchema,
    muted: z.boolean(),
    paused: z.boolean().default(false),
    progress: progressSchema.optional(),
  }),
  z.object({ type: z.literal("status"), status: runnerStatusSchema }),
  z.object({ type: z.literal("progress"), progress: progressSchema }),
  z.object({ type: z.literal("log"), level: z.enum(["info", "warn", "error"]), message: z.string() }),
  /** Something worth keeping, such as `stream.source_lost`; goes into the job's event log. */
  z.object({ type: z.literal("event"), event: z.string(), message: z.string(), data: jsonObjectSchema.optional() }),
  /** A picture of what goes out, JPEG in Base64. */
  z.object({ type: z.literal("picture"), takenAt: z.iso.datetime(), jpeg: z.base64() }),
  z.object({ type: z.literal("reply"), id: z.string(), ok: z.boolean(), error: errorInfoSchema.optional() }),
  z.object({ type: z.literal("ended"), result: runnerResultSchema }),
]);
export type RunnerEvent = z.infer<typeof runnerEventSchema>;
