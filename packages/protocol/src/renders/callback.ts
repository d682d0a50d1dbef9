import { z } from "zod";
import { timestampSchema } from "../primitives.js";
import { renderStatusSchema } from "./answers.js";

/** Body of the request to a `callback_url`, in the form of Standard Webhooks; it is signed. */
export const callbackEventSchema = z
  .object({
    type: z.enum(["render.completed", "render.failed", "render.cancelled"]),
    /** When the render came to its end. */
    timestamp: timestampSchema,
    data: renderStatusSchema,
  })
  .meta({ id: "CallbackEvent" });
export type CallbackEvent = z.infer<typeof callbackEventSchema>;

/** Answer of `GET` and `POST /api/v1/callback-secret`: what requests to callback addresses are signed with. */
export const callbackSecretSchema = z
  .object({
    room: z.string(),
    /** As Standard Webhooks libraries take it: `whsec_…`. */
    secret: z.string(),
    /** Until when what is sent is also signed with the one before; null where there is none. */
    previous_until: timestampSchema.nullable(),
  })
  .meta({ id: "CallbackSecret" });
export type CallbackSecret = z.infer<typeof callbackSecretSchema>;
