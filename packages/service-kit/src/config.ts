import { describeIssues, issuesOf } from "@stream-control/protocol";
import { z } from "zod";

/** The environment does not describe a runnable service. The message lists every wrong variable. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/**
 * Reads a service's configuration from environment variables, once, at its composition root.
 *
 * A blank variable counts as unset; a wrong one never falls back to its default. Values are not repeated in the error,
 * since some of them are secrets.
 *
 * @throws ConfigError naming every variable that is wrong.
 */
export function readConfig<S extends z.ZodObject>(schema: S, env: Record<string, string | undefined>): z.infer<S> {
  const given = Object.fromEntries(
    Object.keys(schema.shape).flatMap((name) => {
      const value = env[name]?.trim();
      return value === undefined || value === "" ? [] : [[name, value]];
    }),
  );
  const result = schema.safeParse(given);
  if (!result.success)
    throw new ConfigError(
      `The configuration is wrong: ${describeIssues(issuesOf(result.error))}. Correct these variables.`,
    );
  return result.data;
}

const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^-?\d+$/, "must be a whole number")
    .transform(Number)
    .pipe(z.number().min(min).max(max));

/** Kinds of variables. Durations are milliseconds and are named `…_MS`. */
export const envVar = {
  int: ({ min = 0, max = Number.MAX_SAFE_INTEGER }: { min?: number; max?: number } = {}) => wholeNumber(min, max),
  port: () => wholeNumber(0, 65_535),
  ms: ({ min = 0, max = 86_400_000 }: { min?: number; max?: number } = {}) => wholeNumber(min, max),
  flag: () =>
    z
      .enum(["true", "false", "1", "0", "yes", "no"], { message: "must be true or false" })
      .transform((value) => value === "true" || value === "1" || value === "yes"),
  /** Comma-separated; blanks around and empty entries are dropped. */
  list: () =>
    z.string().transform((value) =>
      value
        .split(",")
        .map((part) => part.trim())
        .filter((part) => part !== ""),
    ),
  logLevel: () => z.enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"]),
} as const;
