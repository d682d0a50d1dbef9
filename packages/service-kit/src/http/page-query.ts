import { z } from "zod";

/** Query parameters that every list takes. */
export const pageQuery = {
  limit: z
    .string()
    .regex(/^\d{1,4}$/, "must be a whole number from 1 to 1000")
    .transform(Number)
    .pipe(z.number().min(1).max(1000))
    .default(100),
  cursor: z.string().max(200).optional(),
} as const;

/** A filter with several values: `?status=RUNNING,PENDING` or `?status=RUNNING&status=PENDING`. */
export const listOf = <S extends z.ZodType<string, string>>(item: S) =>
  z
    .union([z.string(), z.array(z.string())])
    .transform((value) => (Array.isArray(value) ? value : [value]).flatMap((part) => part.split(",")))
    .pipe(z.array(item).min(1).max(50));

/** A moment in a query, with a time zone or a date alone; it becomes ISO 8601 in UTC. */
export const moment = z
  .string()
  .refine((text) => !Number.isNaN(Date.parse(text)), "must be a time such as 2030-01-31T12:00:00Z")
  .transform((text) => new Date(text).toISOString());
