import type { z } from "zod";

/** One mistake in an input: where, and what is wrong there. */
export interface Issue {
  /** Dotted path from the root of the input, such as `payload.capabilities.slots`; empty for the root itself. */
  path: string;
  message: string;
}

export type ParseResult<T> = { ok: true; value: T } | { ok: false; issues: Issue[] };

const MAX_ISSUES = 20;

/** Turns a zod error into readable issues: at most twenty, each with its path. */
export function issuesOf(error: Pick<z.ZodError, "issues">, prefix = ""): Issue[] {
  return error.issues.slice(0, MAX_ISSUES).map((issue) => ({
    path: [prefix, ...issue.path.map(String)].filter((part) => part !== "").join("."),
    message: issue.message,
  }));
}

/** One sentence out of many issues, for a log line or an error message. */
export function describeIssues(issues: readonly Issue[]): string {
  return issues.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`)).join("; ");
}

/** Parses a value that is already out of JSON, with readable issues instead of an exception. */
export function parseWith<S extends z.ZodType>(schema: S, input: unknown, prefix = ""): ParseResult<z.infer<S>> {
  const result = schema.safeParse(input);
  return result.success ? { ok: true, value: result.data } : { ok: false, issues: issuesOf(result.error, prefix) };
}
