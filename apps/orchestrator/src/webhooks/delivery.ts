import type { WebhookDelivery, WebhookJob } from "@stream-control/protocol";
import type { Selectable } from "@stream-control/store";
import type { WebhookDeliveryTable } from "../store/tables.js";

export type DeliveryRow = Selectable<WebhookDeliveryTable>;

/** The type of what a test sends. */
export const TEST_TYPE = "webhook.test";

/** A delivery before it is stored. */
export interface NewDelivery {
  id: string;
  webhookId: string;
  type: string;
  eventSeq: number | null;
  jobId: string | null;
  job: WebhookJob | null;
  /** Milliseconds since 1970. */
  atMs: number;
  /** How long it is tried. */
  giveUpMs: number;
}

/** The row of a new one, which is due at once. */
export function newRow(delivery: NewDelivery): Omit<DeliveryRow, "seq"> {
  const at = new Date(delivery.atMs).toISOString();
  return {
    ...{ id: delivery.id, webhook_id: delivery.webhookId, type: delivery.type, event_seq: delivery.eventSeq },
    ...{ job_id: delivery.jobId, job: delivery.job === null ? null : JSON.stringify(delivery.job) },
    ...{ status: "pending", attempts: 0, created_at: at, last_attempt_at: null, next_attempt_at: at },
    give_up_at: new Date(delivery.atMs + delivery.giveUpMs).toISOString(),
    ...{ response_status: null, duration_ms: null, error: null },
  };
}

export const toDelivery = (row: Omit<DeliveryRow, "seq">): WebhookDelivery => ({
  ...{ id: row.id, webhookId: row.webhook_id, type: row.type, seq: row.event_seq, jobId: row.job_id },
  ...{ status: row.status, attempts: row.attempts, createdAt: row.created_at, lastAttemptAt: row.last_attempt_at },
  ...{ nextAttemptAt: row.next_attempt_at, responseStatus: row.response_status, durationMs: row.duration_ms },
  error: row.error,
});
