import { z } from "zod";
import { timestampSchema } from "../primitives.js";
import { jobStatusSchema } from "../states.js";
import { EVERY_ROOM, roomSchema } from "./access.js";
import { jobEventSchema } from "./job.js";

/** Which events are sent: a type such as `job.failed`, the beginning of several such as `stream.alarm_*`, or `*`. */
export const eventPatternSchema = z
  .string()
  .max(64)
  .regex(/^(?:\*|[a-zA-Z0-9][a-zA-Z0-9._-]*\*?)$/, "must be a type such as job.failed, stream.alarm_* or *");

/** Bytes that a secret may have (Standard Webhooks). */
const SECRET_BYTES = { min: 24, max: 64 } as const;

/** What deliveries are signed with: `whsec_` and 24 to 64 random bytes in base64. */
export const webhookSecretSchema = z
  .string()
  .regex(/^whsec_(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/, "must be whsec_ and base64")
  .refine((text) => {
    const base64 = text.slice("whsec_".length).replace(/=+$/, "");
    const bytes = Math.floor((base64.length * 3) / 4);
    return bytes >= SECRET_BYTES.min && bytes <= SECRET_BYTES.max;
  }, `must have ${SECRET_BYTES.min} to ${SECRET_BYTES.max} bytes after whsec_`);

/** A room, or `*` for all that there are. */
const anyRoomSchema = z.union([z.literal(EVERY_ROOM), roomSchema]);

const fields = {
  /** Where deliveries are sent, http or https. */
  url: z.url({ protocol: /^https?$/, error: "must be an address with http or https" }).max(2048),
  events: z.array(eventPatternSchema).min(1).max(50),
  enabled: z.boolean(),
  description: z.string().trim().max(500),
};
/** The first signs and the others do so beside it, while receivers change from one to the other. */
const secretsSchema = z.array(webhookSecretSchema).min(1).max(5);

/** Where job events are sent to other systems. Its secrets are not shown. */
export const webhookSchema = z
  .object({
    id: z.string(),
    ...fields,
    /** Whose jobs it is told of. */
    room: anyRoomSchema,
    /** How many secrets sign each delivery. */
    secretCount: z.int().min(1),
    createdAt: timestampSchema,
    updatedAt: timestampSchema,
    /** When something was last taken by the receiver. */
    lastDeliveryAt: timestampSchema.nullable(),
    /** Since when nothing has been taken; null while deliveries arrive. */
    failingSince: timestampSchema.nullable(),
    /** Why the service switched it off, in a sentence. */
    disabledReason: z.string().nullable(),
  })
  .meta({ id: "Webhook" });
export type Webhook = z.infer<typeof webhookSchema>;

/** Body of `POST /v1/webhooks`. */
export const createWebhookSchema = z
  .strictObject({
    url: fields.url,
    events: fields.events.default([EVERY_ROOM]),
    enabled: fields.enabled.default(true),
    description: fields.description.default(""),
    /** Where the caller is an admin, every room if possible, unless given. */
    room: anyRoomSchema.optional(),
    /** One is made unless given. */
    secrets: secretsSchema.optional(),
  })
  .meta({ id: "CreateWebhook" });
export type CreateWebhook = z.infer<typeof createWebhookSchema>;

/** Body of `PUT /v1/webhooks/:id`: what is given is changed. */
export const updateWebhookSchema = z
  .strictObject({
    ...z.object(fields).partial().shape,
    /** In place of those that there are. */
    secrets: secretsSchema.optional(),
    /** A new one is made and put before those that there are. */
    newSecret: z.literal(true).optional(),
  })
  .refine(({ secrets, newSecret }) => secrets === undefined || newSecret === undefined, {
    path: ["newSecret"],
    message: "goes without secrets",
  })
  .meta({ id: "UpdateWebhook" });
export type UpdateWebhook = z.infer<typeof updateWebhookSchema>;

/** Answer of `POST /v1/webhooks` and `PUT /v1/webhooks/:id`: a secret that was made is shown this once. */
export const savedWebhookSchema = webhookSchema
  .extend({ secrets: z.array(webhookSecretSchema).optional() })
  .meta({ id: "SavedWebhook" });
export type SavedWebhook = z.infer<typeof savedWebhookSchema>;

/** `pending`: not taken yet, and tried again. `failed`: given up. */
export const DELIVERY_STATUSES = ["pending", "delivered", "failed"] as const;
export const deliveryStatusSchema = z.enum(DELIVERY_STATUSES);
export type DeliveryStatus = z.infer<typeof deliveryStatusSchema>;

/** One event on its way to one webhook. */
export const webhookDeliverySchema = z
  .object({
    /** Sent as `webhook-id`, the same for every try and replay. */
    id: z.string(),
    webhookId: z.string(),
    type: z.string(),
    /** Number of the event in the event log; null for a test. */
    seq: z.int().min(1).nullable(),
    jobId: z.string().nullable(),
    status: deliveryStatusSchema,
    attempts: z.int().min(0),
    createdAt: timestampSchema,
    lastAttemptAt: timestampSchema.nullable(),
    /** Of one that is pending. */
    nextAttemptAt: timestampSchema.nullable(),
    /** What the receiver answered the last time; null where it did not. */
    responseStatus: z.int().nullable(),
    /** Milliseconds that the last try took. */
    durationMs: z.int().min(0).nullable(),
    /** Why the last try failed, in a sentence. */
    error: z.string().nullable(),
  })
  .meta({ id: "WebhookDelivery" });
export type WebhookDelivery = z.infer<typeof webhookDeliverySchema>;

/** Answer of a test (`ok`: it was taken) and of a replay (`ok`: it is pending again). */
export const deliveryReplySchema = z
  .object({ ok: z.boolean(), delivery: webhookDeliverySchema })
  .meta({ id: "WebhookDeliveryReply" });
export type DeliveryReply = z.infer<typeof deliveryReplySchema>;

/** The job of an event, as it was when the event was taken up for sending. */
const webhookJobSchema = z.object({
  id: z.string(),
  room: roomSchema,
  title: z.string().nullable(),
  status: jobStatusSchema,
  agentId: z.string().nullable(),
});
export type WebhookJob = z.infer<typeof webhookJobSchema>;

/** What a receiver is sent. Secrets in it are masked. */
export const webhookEventSchema = z
  .object({
    type: z.string(),
    /** When it happened. */
    timestamp: timestampSchema,
    data: jobEventSchema.extend({
      job: webhookJobSchema,
      /** The event's own `data` was left out, because it is too large. */
      truncated: z.literal(true).optional(),
    }),
  })
  .meta({ id: "WebhookEvent" });
export type WebhookEvent = z.infer<typeof webhookEventSchema>;

/** What a receiver is sent of something that happened to no job, such as `scaling.advice_changed`; it has to name its type. */
export const webhookFactSchema = z
  .object({
    type: z.string(),
    timestamp: timestampSchema,
    data: z.looseObject({ message: z.string() }),
  })
  .meta({ id: "WebhookFact" });
export type WebhookFact = z.infer<typeof webhookFactSchema>;

/** What a receiver is sent by `POST /v1/webhooks/:id/test`. */
export const webhookTestSchema = z
  .object({
    type: z.literal("webhook.test"),
    timestamp: timestampSchema,
    data: z.object({ webhookId: z.string(), message: z.string() }),
  })
  .meta({ id: "WebhookTest" });
export type WebhookTest = z.infer<typeof webhookTestSchema>;
