import type { AgentRecord, JobRecord } from "@stream-control/protocol";

const AT = "2026-01-02T03:04:05.000Z";

/** A running job; fields given replace those of it. */
export const aJob = (fields: Partial<JobRecord> = {}): JobRecord => ({
  id: "job-1",
  room: "default",
  templateId: null,
  inlineConfig: { source: { type: "test" } },
  status: "RUNNING",
  wantedStatus: "RUNNING",
  agentId: "encoder-1",
  createdAt: AT,
  updatedAt: AT,
  startedAt: AT,
  endedAt: null,
  error: null,
  reason: null,
  pendingReason: null,
  requestedBy: null,
  idempotencyKey: null,
  priority: "normal",
  placement: null,
  restartPolicy: "never",
  onDisconnect: "continue",
  epoch: 1,
  restarts: 0,
  notBefore: null,
  streamContext: null,
  streamMetadata: { title: "Sheet A" },
  metadata: null,
  schedule: null,
  dismissedAt: null,
  progress: { fps: 30, bitrateKbps: 3000, speed: 1, onAir: "program", measuredAt: AT },
  ...fields,
});

/** An idle agent that says what it can do; fields given replace those of it. */
export const anAgent = (fields: Partial<AgentRecord> = {}): AgentRecord => ({
  id: "encoder-1",
  name: "Encoder 1",
  version: "1.0.0",
  room: "default",
  state: "IDLE",
  currentJobId: null,
  currentJobIds: [],
  lastSeenAt: AT,
  drain: false,
  drainDeadlineAt: null,
  capabilities: { slots: 2, maxResolution: "1080p", videoEncoders: ["libx264"], protocols: ["rtmp", "file", "test"] },
  meta: {},
  load: null,
  error: null,
  ...fields,
});
