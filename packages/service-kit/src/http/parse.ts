import { describeIssues, parseWith } from "@stream-control/protocol";
import type { z } from "zod";
import { AppError } from "../errors.js";

/**
 * Parses a JSON body.
 *
 * @throws AppError `VALIDATION_FAILED` (422) that names every mistake with its path.
 */
export function parseBody<S extends z.ZodType>(schema: S, body: unknown): z.infer<S> {
  const result = parseWith(schema, body ?? {});
  if (result.ok) return result.value;
  throw new AppError("VALIDATION_FAILED", `The body is wrong: ${describeIssues(result.issues)}.`, {
    details: result.issues,
  });
}

/**
 * Parses query parameters.
 *
 * @throws AppError `INVALID_REQUEST` (400) that names every mistake.
 */
export function parseQuery<S extends z.ZodType>(schema: S, query: unknown): z.infer<S> {
  const result = parseWith(schema, query);
  if (result.ok) return result.value;
  throw new AppError("INVALID_REQUEST", `The query is wrong: ${describeIssues(result.issues)}.`, {
    details: result.issues,
  });
}
