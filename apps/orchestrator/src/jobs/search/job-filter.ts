import { isFinalStatus, jobStatusSchema, prioritySchema, roomSchema } from "@stream-control/protocol";
import { listOf, moment, pageQuery } from "@stream-control/service-kit/http";
import type { Kysely } from "@stream-control/store";
import { z } from "zod";
import type { Tables } from "../../store/tables.js";
import { searchWords } from "./search-text.js";

/** More of them say no more, and each is looked for in every text. */
const MAX_WORDS = 10;

/** Parameters of `GET /v1/jobs`. */
export const jobsQuery = z.object({
  ...pageQuery,
  status: listOf(jobStatusSchema).optional(),
  priority: listOf(prioritySchema).optional(),
  agentId: z.string().max(128).optional(),
  templateId: z.string().max(128).optional(),
  room: roomSchema.optional(),
  /** Only those that were, or were not, taken off the board. */
  dismissed: z.stringbool({ truthy: ["true"], falsy: ["false"] }).optional(),
  /** From this moment of submission on, and before that one. */
  since: moment.optional(),
  until: moment.optional(),
  /** Words that all must occur; a field that somebody has emptied again asks for nothing. */
  q: z
    .string()
    .max(200)
    .transform(searchWords)
    .refine((words) => words.length <= MAX_WORDS, `must have at most ${MAX_WORDS} words`)
    .optional(),
  order: z.enum(["asc", "desc"]).default("asc"),
});

/** Which jobs are wanted, and which page of them. */
export interface JobFilter extends Omit<Partial<z.infer<typeof jobsQuery>>, "room"> {
  /** Only jobs of these rooms; null for every room. */
  rooms?: readonly string[] | null;
  limit: number;
  order: "asc" | "desc";
}

/** Places in the order of submission, both included. */
export interface Stretch {
  low: number;
  high: number;
}

/** The jobs that a filter lets through, but for its words; in its order, as many as it asks for. */
export function filteredJobs(db: Kysely<Tables>, filter: Omit<JobFilter, "q" | "cursor">, { low, high }: Stretch) {
  const { status, priority, agentId, templateId, dismissed, since, until, rooms = null, limit, order } = filter;
  let query = db.selectFrom("jobs").selectAll("jobs").orderBy("seq", order).limit(limit);
  if (low > 0) query = query.where("seq", ">=", low);
  if (high < Number.MAX_SAFE_INTEGER) query = query.where("seq", "<=", high);
  if (status !== undefined) {
    query = query.where("status", "in", status);
    // Said in words that name one of the two partial indexes, where the statuses are all of one kind.
    if (status.every(isFinalStatus)) query = query.where("ended_at", "is not", null);
    else if (!status.some(isFinalStatus)) query = query.where("ended_at", "is", null);
  }
  if (rooms !== null) query = query.where("room", "in", rooms);
  if (priority !== undefined) query = query.where("priority", "in", priority);
  if (agentId !== undefined) query = query.where("agent_id", "=", agentId);
  if (dismissed !== undefined) query = query.where("dismissed_at", dismissed ? "is not" : "is", null);
  if (templateId !== undefined) query = query.where("template_id", "=", templateId);
  if (since !== undefined) query = query.where("created_at", ">=", since);
  if (until !== undefined) query = query.where("created_at", "<", until);
  return query;
}
