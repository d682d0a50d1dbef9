import { z } from "zod";
import { idSchema, jsonObjectSchema, timestampSchema } from "../primitives.js";

/** A named job config that `templateId` refers to. */
export const templateRecordSchema = z
  .object({
    id: idSchema,
    name: z.string(),
    description: z.string(),
    config: jsonObjectSchema,
    /** Comes with the product; cannot be changed or deleted. */
    builtIn: z.boolean(),
    createdAt: timestampSchema,
    updatedAt: timestampSchema,
  })
  .meta({ id: "Template" });
export type TemplateRecord = z.infer<typeof templateRecordSchema>;

/** Body of `PUT /v1/templates/:id`. */
export const templateUpdateSchema = z
  .object({
    name: z.string().min(1).max(200),
    description: z.string().max(2000).default(""),
    config: jsonObjectSchema,
  })
  .meta({ id: "TemplateUpdate" });
export type TemplateUpdate = z.infer<typeof templateUpdateSchema>;

/** Body of `POST /v1/templates`; an id is made where none is given. */
export const createTemplateSchema = templateUpdateSchema
  .extend({
    id: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, "must be letters, digits, dots, dashes and underscores")
      .optional(),
  })
  .meta({ id: "CreateTemplate" });
export type CreateTemplate = z.infer<typeof createTemplateSchema>;
