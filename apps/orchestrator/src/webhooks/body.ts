import {
  type JobEvent,
  maskSecrets,
  type WebhookEvent,
  type WebhookFact,
  type WebhookJob,
  type WebhookTest,
} from "@stream-control/protocol";
import { fromJson } from "../jobs/job-record.js";
import { maskEvent } from "../jobs/visible.js";
import type { JobRow } from "../store/tables.js";
import { type DeliveryRow, TEST_TYPE } from "./delivery.js";

/** Largest body, in characters. An agent may put almost a megabyte into an event; few receivers take that. */
const LONGEST_BODY = 131_072;

/**
 * What a receiver is told of a job: no more than its viewers are shown, and less where somebody has put a key into the title,
 * since it leaves the house.
 */
export function jobOf(row: JobRow): WebhookJob {
  const [metadata, ...others] = [row.stream_metadata, row.inline_config, row.config, row.own_source, row.metadata].map(
    (text) => fromJson<Record<string, unknown>>(text),
  );
  const [shown] = maskSecrets([metadata, ...others]);
  const title = shown?.title;
  return {
    ...{ id: row.id, room: row.room, title: typeof title === "string" ? title : null },
    ...{ status: row.status, agentId: row.agent_id },
  };
}

/** What is sent of an event; the same each time, as long as the log has the event. */
export function eventBody(event: JobEvent, job: WebhookJob): string {
  const told = maskEvent(event);
  const message: WebhookEvent = { type: event.type, timestamp: event.ts, data: { ...told, job } };
  const text = JSON.stringify(message);
  if (text.length <= LONGEST_BODY) return text;
  const { data: _, ...rest } = told;
  return JSON.stringify({ ...message, data: { ...rest, job, truncated: true } } satisfies WebhookEvent);
}

/** What is sent of what happened to no job: its data as it stands in the event log, with a sentence. */
export const factBody = ({ type, ts, message, data }: Omit<JobEvent, "jobId">): string =>
  JSON.stringify({ type, timestamp: ts, data: { ...data, message } } satisfies WebhookFact);

/** What a test sends. */
export function testBody({ webhook_id: webhookId, created_at: timestamp }: Omit<DeliveryRow, "seq">): string {
  const message = "This is a test of the webhook. Nothing has happened.";
  return JSON.stringify({ type: TEST_TYPE, timestamp, data: { webhookId, message } } satisfies WebhookTest);
}
