import { describeIssues, parseWith } from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import { z } from "zod";
import { STATUSES } from "../streams/stream.js";

/** LiveKit's own limits: https://docs.livekit.io */
const name = (what: string) =>
  z.string(`${what} is missing`).trim().min(1, `${what} is missing`).max(256, `${what} has at most 256 characters`);
const metadata = z.record(z.string(), z.unknown()).refine((value) => JSON.stringify(value).length <= 65_536, {
  message: "metadata has at most 65,536 characters as JSON",
});

export const createBody = z.object({ roomName: name("roomName").optional(), metadata: metadata.optional() });
export const patchBody = z.object({
  status: z.enum(STATUSES).optional(),
  metadata: metadata.optional(),
  version: z.int().positive().optional(),
});
export const joinBody = z.object({ participantName: name("participantName"), metadata: metadata.optional() });
export const leaveBody = z.object({ participantName: name("participantName") });
export const limitQuery = z.object({ limit: z.coerce.number().int().min(1).max(1000).default(100) });

/** @throws AppError `INVALID_REQUEST` (400), which clients of these routes expect for a wrong body. */
export function parsed<S extends z.ZodType>(schema: S, body: unknown): z.infer<S> {
  const result = parseWith(schema, body ?? {});
  if (result.ok) return result.value;
  throw new AppError("INVALID_REQUEST", `The body is wrong: ${describeIssues(result.issues)}.`, {
    details: result.issues,
  });
}

/** Errors as clients of this service read them; `code` and `details` are ours. */
export const livestreamErrorBody = ({ message, status, code, details }: AppError) => ({
  error: { message, statusCode: status, code, ...(details === undefined ? {} : { details }) },
});
