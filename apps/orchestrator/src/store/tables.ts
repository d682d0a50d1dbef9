import type { JobStatus, OnDisconnect, RestartPolicy } from "@stream-control/protocol";
import type { Generated, Selectable } from "@stream-control/store";

/** JSON columns hold text; times are ISO 8601 in UTC. */
type Json = string;
type Timestamp = string;

declare const sealedMark: unique symbol;
/** JSON that is encrypted; see `secrets/sealed-columns`. */
export type Sealed = string & { readonly [sealedMark]: true };

export interface JobTable {
  /** Order of submission. */
  seq: Generated<number>;
  id: string;
  template_id: string | null;
  inline_config: Sealed | null;
  /** The config in force: the resolved template, or what live changes made of it; null where it is the inline config. */
  config: Sealed | null;
  /** The source that the job was submitted with, while its input is switched to another. */
  own_source: Sealed | null;
  status: JobStatus;
  wanted_status: "RUNNING" | "STOPPED";
  agent_id: string | null;
  epoch: number;
  restarts: number;
  not_before: Timestamp | null;
  created_at: Timestamp;
  updated_at: Timestamp;
  started_at: Timestamp | null;
  running_since: Timestamp | null;
  ended_at: Timestamp | null;
  error: Json | null;
  reason: Json | null;
  requested_by: string | null;
  idempotency_key: string | null;
  restart_policy: RestartPolicy;
  on_disconnect: OnDisconnect;
  /**
   * The assignment has a lease: 1 where the job may move to another agent once that has run out. Of a waiting job: its last
   * agent may not have let go of it yet.
   */
  fenced: number;
  /** The job is being ended on its agent so that it can go on at another. */
  moving: number;
  stream_context: Json | null;
  stream_metadata: Sealed | null;
  metadata: Sealed | null;
  /** The last measurement of a job that has ended. */
  progress: Json | null;
}
/** A job's row as it is stored, encrypted columns and all. */
export type StoredJobRow = Selectable<JobTable>;
/** A job's row as everybody works with it: its encrypted columns opened. */
export type JobRow = { [Column in keyof StoredJobRow]: Opened<StoredJobRow[Column]> };
type Opened<Value> = Value extends Sealed ? Json : Value;

export interface JobEventTable {
  seq: Generated<number>;
  job_id: string;
  type: string;
  message: string;
  data: Json | null;
  ts: Timestamp;
}

export interface AgentTable {
  id: string;
  name: string;
  version: string;
  capabilities: Json;
  meta: Json;
  protocol_version: number | null;
  /** The operator asked for no new jobs; outlives reconnects and restarts. */
  operator_drain: number;
  drain_deadline_at: Timestamp | null;
  drain_migrate: number;
  error: Json | null;
  first_seen_at: Timestamp;
  last_seen_at: Timestamp;
}

export interface TemplateTable {
  id: string;
  name: string;
  description: string;
  config: Sealed;
  created_at: Timestamp;
  updated_at: Timestamp;
}

export interface Tables {
  jobs: JobTable;
  job_events: JobEventTable;
  agents: AgentTable;
  templates: TemplateTable;
}
