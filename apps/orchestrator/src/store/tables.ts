import type {
  DeliveryStatus,
  JobStatus,
  LoadBalancingStrategy,
  OnDisconnect,
  Priority,
  RestartPolicy,
  StepStatus,
  WorkflowStatus,
} from "@stream-control/protocol";
import type { AccessTables } from "@stream-control/service-kit/access";
import type { EventLogTables } from "@stream-control/service-kit/audit";
import type { Generated, Selectable } from "@stream-control/store";

/** JSON columns hold text; times are ISO 8601 in UTC. */
type Json = string;
type Timestamp = string;

/** The database's file in the data folder. */
export const DATABASE_FILE = "orchestrator.db";
declare const sealedMark: unique symbol;
/** JSON that is encrypted; see `secrets/sealed-columns`. */
export type Sealed = string & { readonly [sealedMark]: true };

export interface JobTable {
  /** Order of submission. */
  seq: Generated<number>;
  id: string;
  room: string;
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
  /** The lane that it waits in. */
  priority: Priority;
  /** How its agent is chosen, where the job says so itself. */
  placement: LoadBalancingStrategy | null;
  restart_policy: RestartPolicy;
  /** How it is tried again, where it is not as configured for all; see `jobs/restart-policy`. */
  restart_limits: Json | null;
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
  /** When the finished job was taken off the board. */
  dismissed_at: Timestamp | null;
  /** When it starts and stops by itself. */
  schedule: Json | null;
}
/** A job's row as it is stored, encrypted columns and all. */
export type StoredJobRow = Selectable<JobTable>;
/** A job's row as everybody works with it: its encrypted columns opened. */
export type JobRow = { [Column in keyof StoredJobRow]: Opened<StoredJobRow[Column]> };
type Opened<Value> = Value extends Sealed ? Json : Value;

/** In what jobs are looked for; readable, see `jobs/search/search-text`. */
export interface JobSearchTable {
  /** Of the job. */
  seq: number;
  text: string;
}

/** What a job measured, see `jobs/measurements/chart`. */
export interface JobChartTable {
  job_id: string;
  from_ms: number;
  interval_ms: number;
  slots: number;
  dropped_total: number;
}

export interface JobChartChunkTable {
  job_id: string;
  chunk: number;
  data: Uint8Array;
}

export interface AgentTable {
  id: string;
  name: string;
  room: string;
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

export interface AgentTokenTable {
  id: string;
  agent_id: string;
  room: string;
  hash: string;
  created_at: Timestamp;
  created_by: string | null;
  expires_at: Timestamp | null;
  last_used_at: Timestamp | null;
  revoked_at: Timestamp | null;
}

export interface YouTubeAccountTable {
  id: string;
  refresh_token: Sealed | null;
  channel_id: string | null;
  channel_title: string | null;
  connected_at: Timestamp | null;
  /** Why the token does not count any more. */
  problem: Json | null;
}

/** Authorizations that were begun. */
export interface YouTubeOAuthStateTable {
  hash: string;
  actor: string;
  expires_at: Timestamp;
}

export interface YouTubeQuotaTable {
  /** By Pacific time. */
  day: string;
  units: number;
  exhausted: number;
}

export interface YouTubeBroadcastTable {
  id: string;
  origin: "job" | "schedule";
  room: string;
  job_id: string | null;
  state: "preparing" | "ready" | "live" | "ended";
  unsure: "stream" | "broadcast" | null;
  marker: string;
  title: string;
  description: string;
  sent_texts: Json | null;
  privacy: string;
  sheet_key: string | null;
  keeps_stream: number;
  stream_id: string | null;
  ingestion: Sealed | null;
  broadcast_id: string | null;
  channel_id: string | null;
  bound: number;
  scheduled_start: Timestamp;
  late_epoch: number | null;
  attempts: number;
  retry_at: Timestamp | null;
  problem: Json | null;
  options: Json;
  auto_start: number;
  auto_stop_minutes: number | null;
  auto_stop_at: Timestamp | null;
  start_request: Sealed | null;
  created_at: Timestamp;
  updated_at: Timestamp;
  live_at: Timestamp | null;
  ended_at: Timestamp | null;
  outcome: string | null;
}

/** Streams that are kept, by the label of their sheet. */
export interface YouTubeStreamTable {
  id: string;
  marker: string;
  stream_id: string | null;
  ingestion: Sealed | null;
}

export interface YouTubeSettingTable {
  name: string;
  value: string;
}

/** What overlays show of a sheet. */
export interface SheetTable {
  room: string;
  label: string;
  content: Json;
  version: number;
  updated_at: Timestamp;
}

/** Where job events are sent. */
export interface WebhookTable {
  id: string;
  /** `*` for every room. */
  room: string;
  /** Sealed, since some services put the right to send into the address. */
  url: Sealed;
  events: Json;
  secrets: Sealed;
  enabled: number;
  description: string;
  created_at: Timestamp;
  updated_at: Timestamp;
  /** Up to this entry the event log has been taken up. */
  cursor_seq: number;
  /** The receiver asked not to be called before. */
  hold_until: Timestamp | null;
  last_delivery_at: Timestamp | null;
  failing_since: Timestamp | null;
  disabled_reason: string | null;
}

/** Events on their way to webhooks; an event's own content is in the event log. */
export interface WebhookDeliveryTable {
  /** Order in which they were taken up. */
  seq: Generated<number>;
  id: string;
  webhook_id: string;
  type: string;
  /** Null for a test. */
  event_seq: number | null;
  job_id: string | null;
  /** The job as it was then. */
  job: Json | null;
  status: DeliveryStatus;
  attempts: number;
  created_at: Timestamp;
  last_attempt_at: Timestamp | null;
  next_attempt_at: Timestamp | null;
  /** After this moment it is not tried again. */
  give_up_at: Timestamp;
  response_status: number | null;
  duration_ms: number | null;
  error: string | null;
}

/** What jobs of a kind used: cores and MiB. */
export interface LearnedDemandTable {
  kind: string;
  jobs: number;
  cpu: number;
  memory_mib: number;
  updated_at: Timestamp;
}

/** Runs of workflows. */
export interface WorkflowRunTable {
  /** Order in which they were started. */
  seq: Generated<number>;
  id: string;
  /** The same key again is the same run. */
  key: string;
  kind: string;
  room: string;
  /** As it was when the run was started. */
  definition: Json;
  status: WorkflowStatus;
  /** What decides how it goes on, its steps aside. */
  state: Json;
  input: Sealed;
  requested_by: string | null;
  created_at: Timestamp;
  updated_at: Timestamp;
  ended_at: Timestamp | null;
  /** Counts its changes. */
  revision: number;
  /** The process that carries it out, and for how long nobody else may. */
  owner: string | null;
  lease_until: Timestamp | null;
}

/** Steps of runs, one row for each generation. */
export interface WorkflowStepTable {
  id: string;
  run_id: string;
  generation: number;
  name: string;
  status: StepStatus;
  attempts: Json;
  state: Json;
  output: Sealed | null;
}

/** What became of a job, as far as figures are made of it; see `analytics/fact`. */
export interface JobFactTable {
  job_id: string;
  job_seq: number;
  room: string;
  kind: "render" | "render_part" | "stream";
  template: string | null;
  agent_id: string | null;
  created_at: Timestamp;
  ended_at: Timestamp;
  wait_ms: number;
  /** Null where it never began. */
  processing_ms: number | null;
  outcome: "completed" | "failed" | "cancelled";
  error_code: string | null;
  /** Cores, in the mean. */
  cpu_used: number | null;
  cpu_reserved: number | null;
}

/** What requests to callback addresses are signed with, one row for each room. */
export interface CallbackSecretTable {
  /** The room. */
  id: string;
  secrets: Sealed;
  updated_at: Timestamp;
}

/** What was set through the interface; one row. */
export interface ConfigurationTable {
  id: string;
  /** Values by path. */
  value: Json;
  version: number;
  updated_at: Timestamp;
}

/** Up to which end of a job results were deleted for their age; one row. */
export interface ExpiredResultsTable {
  id: string;
  ended_at: Timestamp;
  job_id: string;
}

export interface Tables extends AccessTables, EventLogTables {
  agent_tokens: AgentTokenTable;
  jobs: JobTable;
  job_search: JobSearchTable;
  job_charts: JobChartTable;
  job_chart_chunks: JobChartChunkTable;
  agents: AgentTable;
  templates: TemplateTable;
  youtube_account: YouTubeAccountTable;
  youtube_oauth_states: YouTubeOAuthStateTable;
  youtube_quota: YouTubeQuotaTable;
  youtube_broadcasts: YouTubeBroadcastTable;
  youtube_streams: YouTubeStreamTable;
  youtube_settings: YouTubeSettingTable;
  sheets: SheetTable;
  webhooks: WebhookTable;
  webhook_deliveries: WebhookDeliveryTable;
  workflow_runs: WorkflowRunTable;
  workflow_steps: WorkflowStepTable;
  callback_secrets: CallbackSecretTable;
  configuration: ConfigurationTable;
  learned_demands: LearnedDemandTable;
  job_facts: JobFactTable;
  expired_results: ExpiredResultsTable;
}
