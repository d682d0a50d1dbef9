import { parseArgs } from "node:util";
import { z } from "zod";
import { FAULT_KINDS, type FaultKind } from "./plan/faults.js";

const schema = z.object({
  seed: z.coerce.number().int().min(0).max(0xffff_ffff).optional(),
  seconds: z.coerce.number().min(1).max(86_400).default(60),
  only: z
    .string()
    .transform((text) => text.split(","))
    .pipe(z.array(z.enum(FAULT_KINDS)))
    .optional(),
  verbose: z.boolean().default(false),
});

export interface ChaosOptions {
  /** Undefined: any. */
  seed?: number | undefined;
  /** Length of the storm. */
  seconds: number;
  /** The kinds of faults that may come; all of them unless given. */
  only?: FaultKind[] | undefined;
  /** Say what is broken as it happens. */
  verbose: boolean;
}

export const USAGE = "pnpm chaos [--seed N] [--seconds N] [--only KIND,KIND…] [--verbose]";

/** @throws Error with a sentence where an argument is wrong. */
export function chaosOptions(argv: readonly string[]): ChaosOptions {
  const { values } = parseArgs({
    args: argv.filter((argument) => argument !== "--"),
    options: {
      seed: { type: "string" },
      seconds: { type: "string" },
      only: { type: "string" },
      verbose: { type: "boolean" },
    },
  });
  const parsed = schema.safeParse(values);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(`--${issue?.path.join(".")} is wrong: ${issue?.message}. ${USAGE}`);
}
