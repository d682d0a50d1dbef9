import { z } from "zod";

/** An identifier chosen by a peer: printable, no white space at the ends, at most 128 characters. */
export const idSchema = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[\p{L}\p{N}\p{P}\p{S}](?:[\p{L}\p{N}\p{P}\p{S} ]*[\p{L}\p{N}\p{P}\p{S}])?$/u, "must be printable text");

/** A free-form JSON object, passed on unread. */
export const jsonObjectSchema = z.record(z.string(), z.unknown());
export type JsonObject = z.infer<typeof jsonObjectSchema>;

/** A moment, ISO 8601 in UTC. */
export const timestampSchema = z.iso.datetime({ offset: true });

/** What went wrong: a symbol for programs, a sentence for people, detail for engineers. */
export const errorInfoSchema = z
  .object({
    code: z.string().min(1).max(64),
    message: z.string().max(4096),
    detail: jsonObjectSchema.optional(),
  })
  .meta({ id: "ErrorInfo" });
export type ErrorInfo = z.infer<typeof errorInfoSchema>;
