import { z } from "zod";
import { destinationSchema } from "../config/destination.js";
import { overlayTextsSchema } from "../config/overlay.js";
import { sourceSchema } from "../config/source.js";
import { jsonObjectSchema, timestampSchema } from "../primitives.js";
import { lookedAtSourceSchema } from "../resources/probe.js";
import { streamMetadataSchema } from "../resources/stream-metadata.js";
import { FINAL_JOB_STATUSES, onDisconnectSchema } from "../states.js";
import type { MessageOf } from "./envelope.js";

const jobCommand = z.object({ jobId: z.string().min(1).max(128) });
/** A command that is answered by `agent.job.command.ack` with the same `commandId`. */
const acknowledgedCommand = jobCommand.extend({ commandId: z.string().min(1).max(128) });

/** Payloads of every message that the orchestrator sends to an agent, by type. */
export const orchestratorMessagePayloads = {
  "orchestrator.hello.ok": z.object({
    heartbeatIntervalMs: z.int().positive(),
    heartbeatTimeoutMs: z.int().positive(),
    stopGraceMs: z.int().min(0),
    killAfterMs: z.int().min(0),
    protocolVersion: z.int().min(1).optional(),
    /** Optional messages that it takes, such as `snapshots`. */
    features: z.array(z.string().max(64)).max(100).optional(),
  }),
  "orchestrator.assign.start": z.object({
    jobId: z.string().min(1).max(128),
    idempotencyKey: z.string().nullable(),
    /** The inline config, or the resolved template. */
    config: jsonObjectSchema,
    /** An assignment that is not acknowledged by then goes to another agent. */
    expiresAt: timestampSchema,
    metadata: jsonObjectSchema,
    streamMetadata: streamMetadataSchema.optional(),
    /** Number of this assignment; reports carry it back. */
    epoch: z.int().min(0).optional(),
    onDisconnect: onDisconnectSchema.optional(),
    /** How long a fenced job may go on after the last renewal. */
    leaseMs: z.int().positive().optional(),
    /**
     * `msgId` of the agent's last heartbeat or hello that the orchestrator had when it decided this. The lease counts from
     * the moment at which the agent sent that: an assignment that was held up on its way does not begin a lease of its own.
     */
    leaseFrom: z.string().max(200).optional(),
  }),
  "orchestrator.job.stop": jobCommand.extend({
    reason: z.string().optional(),
    /** Milliseconds until a kill follows. */
    deadlineMs: z.int().min(0).optional(),
  }),
  "orchestrator.job.kill": jobCommand.extend({ reason: z.string().optional() }),
  "orchestrator.job.mute": jobCommand,
  "orchestrator.job.unmute": jobCommand,
  "orchestrator.job.pause": jobCommand,
  "orchestrator.job.unpause": jobCommand,
  "orchestrator.job.destination.add": acknowledgedCommand.extend({ destination: destinationSchema }),
  "orchestrator.job.destination.remove": acknowledgedCommand.extend({ destinationId: z.string().min(1).max(64) }),
  /** Take another source from now on; `null` is the config's own one. */
  "orchestrator.job.input.switch": acknowledgedCommand.extend({ source: sourceSchema.nullable() }),
  /** New texts of the overlay that is burnt into the picture. */
  "orchestrator.job.overlay.set": acknowledgedCommand.extend({ texts: overlayTextsSchema }),
  /** Look into a source that no job uses yet, and answer with `agent.probe.result`. */
  "orchestrator.probe": z.object({
    probeId: z.string().min(1).max(128),
    source: lookedAtSourceSchema,
    /** It is to be shown as an image by a render; like a bucket, only for agents with the feature `render-sources`. */
    image: z.boolean().optional(),
    /** Milliseconds that it may take. */
    deadlineMs: z.int().min(1).max(3_600_000),
  }),
  /**
   * Open a second socket beside this one, `…/agent/preview?ticket=<ticket>`, and send what goes out on it, as MPEG-TS in binary
   * frames from a keyframe on. Acknowledge it when the socket is open; the end of either socket ends it.
   */
  "orchestrator.job.preview": acknowledgedCommand.extend({
    epoch: z.int().min(0).optional(),
    /** Good for one handshake, and for some seconds. */
    ticket: z.string().min(1).max(200),
  }),
  /**
   * Answers a heartbeat (`correlationId`) of an agent with leases: its fenced jobs may go on for `leaseMs` from the moment
   * at which it sent that heartbeat.
   */
  "orchestrator.lease.renewed": z.object({
    leaseMs: z.int().positive(),
    jobs: z.array(z.object({ jobId: z.string(), epoch: z.int().min(0) })).max(10_000),
  }),
  "orchestrator.reboot": z.object({ reason: z.string().optional() }).prefault({}),
  /** The end of a job is on disk: the agent may forget it. Sent to agents that gave a `protocolVersion`. */
  "orchestrator.job.settled": jobCommand.extend({
    epoch: z.int().min(0).optional(),
    status: z.enum(FINAL_JOB_STATUSES).or(z.enum(["PENDING"])),
  }),
  /** Something the agent sent was refused; `correlationId` is its `msgId`. */
  "orchestrator.error": z.object({
    code: z.string(),
    message: z.string(),
    /** Path of the first wrong field, from the root of the message. */
    field: z.string().optional(),
    issues: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  }),
} as const;

export type OrchestratorMessage = MessageOf<typeof orchestratorMessagePayloads>;
export type OrchestratorMessageType = OrchestratorMessage["type"];
export type OrchestratorPayload<T extends OrchestratorMessageType> = z.infer<(typeof orchestratorMessagePayloads)[T]>;
