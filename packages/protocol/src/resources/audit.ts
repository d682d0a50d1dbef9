import { z } from "zod";
import { jsonObjectSchema, timestampSchema } from "../primitives.js";

/** What came of what somebody did: done, not allowed, or tried in vain. */
export const AUDIT_RESULTS = ["ok", "refused", "failed"] as const;
export const auditResultSchema = z.enum(AUDIT_RESULTS);
export type AuditResult = z.infer<typeof auditResultSchema>;

const hashSchema = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 hexadecimal digits");

/** A place in the event log, and the hash that vouches for everything up to it. */
export const logHeadSchema = z.object({ seq: z.int().min(0), hash: hashSchema }).meta({ id: "LogHead" });
export type LogHead = z.infer<typeof logHeadSchema>;

/** A head as people write it down: `SEQ:HASH`. */
export const logHeadTextSchema = z
  .string()
  .regex(/^\d{1,15}:[0-9a-fA-F]{64}$/, "must be SEQ:HASH, as `audit head` prints it")
  .transform((text): LogHead => {
    const [seq = "", hash = ""] = text.split(":");
    return { seq: Number(seq), hash: hash.toLowerCase() };
  });

/** Where somebody acted from. Every field can be erased. */
export const auditOriginSchema = z.object({
  name: z.string().optional(),
  address: z.string().optional(),
  userAgent: z.string().optional(),
  /** There was something, and it has been erased. */
  erased: z.literal(true).optional(),
});
export type AuditOrigin = z.infer<typeof auditOriginSchema>;

/** Who did what to what, when, from where, with what result. */
export const auditEntrySchema = z
  .object({
    seq: z.int().min(1),
    ts: timestampSchema,
    actor: z.string(),
    type: z.string(),
    /** What it was done to, as `kind:id`. */
    subject: z.string(),
    result: auditResultSchema,
    message: z.string(),
    data: jsonObjectSchema.optional(),
    /** The entry is also one of the job's events. */
    jobId: z.string().optional(),
    origin: auditOriginSchema.optional(),
    hash: hashSchema,
  })
  .meta({ id: "AuditEntry" });
export type AuditEntry = z.infer<typeof auditEntrySchema>;

/** Something that is wrong with the event log. */
export const chainProblemSchema = z.object({
  /** The entry, or the first of several. */
  seq: z.int(),
  kind: z.enum(["altered", "missing", "origin", "anchor", "expected"]),
  message: z.string(),
});
export type ChainProblem = z.infer<typeof chainProblemSchema>;

/** What came of checking the whole event log. */
export const chainReportSchema = z
  .object({
    ok: z.boolean(),
    /** Entries that were looked at. */
    entries: z.int(),
    /** What the oldest kept entry follows on: the beginning, or the last one that was pruned. */
    anchor: logHeadSchema,
    head: logHeadSchema,
    /** Origins whose personal data has been erased; the entries that have them still check. */
    erasedOrigins: z.int(),
    problemCount: z.int(),
    /** The first hundred. */
    problems: z.array(chainProblemSchema),
  })
  .meta({ id: "ChainReport" });
export type ChainReport = z.infer<typeof chainReportSchema>;

/** One line of `GET /v1/audit/verify`: how far it is, and in the end what came of it. */
export const chainCheckLineSchema = z.union([
  z.object({ report: chainReportSchema }),
  z.object({ checked: z.int(), of: z.int() }),
]);

/** Body of `POST /v1/audit/erase`: exactly one of its fields. */
export const eraseRequestSchema = z
  .object({
    actor: z.string().min(1).max(200).optional(),
    address: z.string().min(1).max(64).optional(),
    name: z.string().min(1).max(200).optional(),
    /** What clients gave as `requestedBy` of their jobs. */
    requestedBy: z.string().min(1).max(1000).optional(),
  })
  .refine((body) => Object.values(body).filter((value) => value !== undefined).length === 1, {
    message: "give exactly one of actor, address, name and requestedBy",
  })
  .meta({ id: "EraseRequest" });
export type EraseRequest = z.infer<typeof eraseRequestSchema>;

/** How much was erased. */
export const eraseReplySchema = z
  .object({ ok: z.literal(true), origins: z.int(), jobs: z.int() })
  .meta({ id: "EraseReply" });
export type EraseReply = z.infer<typeof eraseReplySchema>;
