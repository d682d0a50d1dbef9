import type { JobRecord, Progress, StreamMetadata } from "@stream-control/protocol";
import type { JobRow } from "../store/tables.js";

/** What is known of a job beside its row: it changes too often, or follows from other things, to be stored. */
export interface LiveFacts {
  progress: Progress | null;
  pendingReason: string | null;
  /** How many watch it now. */
  viewers: number | null;
}

/** A job as the wire shows it. */
export function toJobRecord(row: JobRow, live: LiveFacts): JobRecord {
  return {
    id: row.id,
    room: row.room,
    templateId: row.template_id,
    inlineConfig: fromJson(row.inline_config),
    status: row.status,
    wantedStatus: row.wanted_status,
    agentId: row.agent_id,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    error: fromJson(row.error),
    reason: fromJson(row.reason),
    pendingReason: live.pendingReason,
    requestedBy: row.requested_by,
    idempotencyKey: row.idempotency_key,
    priority: row.priority,
    placement: row.placement,
    restartPolicy: row.restart_policy,
    onDisconnect: row.on_disconnect,
    epoch: row.epoch,
    restarts: row.restarts,
    notBefore: row.not_before,
    streamContext: fromJson(row.stream_context),
    streamMetadata: withViewers(fromJson<StreamMetadata>(row.stream_metadata), live.viewers),
    metadata: fromJson(row.metadata),
    progress: live.progress ?? fromJson(row.progress),
    dismissedAt: row.dismissed_at,
    schedule: fromJson(row.schedule),
  };
}

const withViewers = (metadata: StreamMetadata | null, viewers: number | null): StreamMetadata | null =>
  viewers === null ? metadata : { ...metadata, viewers };

/** The config that an agent is given: the inline one, the resolved template, or what live changes made of it. */
export const configOf = (row: Pick<JobRow, "config" | "inline_config">): Record<string, unknown> =>
  fromJson<Record<string, unknown>>(row.config ?? row.inline_config) ?? {};

/** Reads a JSON column; the orchestrator wrote it itself, so its shape is that of the type. */
export function fromJson<T>(text: string | null): T | null {
  return text === null ? null : (JSON.parse(text) as T);
}
