import { type ChainReport, isFinalStatus, type JobEvent, type JobRecord } from "@stream-control/protocol";
import type { Harm } from "../breaker.js";
import type { Order } from "../customers/customers.js";
import type { Finding } from "./finding.js";

/** Entries of the log that end a job for good. */
const FINAL_EVENTS: ReadonlySet<string> = new Set([
  "job.stopped",
  "job.failed",
  "job.canceled",
  "stream.restart_exhausted",
]);

/** Every number from 1 to the highest, over the whole log, exactly once. */
export function checkNumbers(log: readonly { seq: number }[]): Finding[] {
  const numbers = log.map(({ seq }) => seq).sort((a, b) => a - b);
  const findings: Finding[] = [];
  let expected = 1;
  for (const seq of numbers) {
    if (seq > expected)
      findings.push({ kind: "lost", about: "event log", what: `Events ${expected} to ${seq - 1} are not there.` });
    if (seq < expected) findings.push({ kind: "doubled", about: "event log", what: `Event ${seq} is there twice.` });
    expected = seq + 1;
  }
  return findings;
}

/** The log is one chain, and still has what it had before anything was broken. */
export const checkChain = ({ problems }: Pick<ChainReport, "problems">): Finding[] =>
  problems.map(({ message }) => ({ kind: "lost", about: "event log", what: message }));

/** At most one end, nothing after it that would change the job, no assignment with the number of an earlier one. */
export function checkHistory(job: JobRecord, events: readonly JobEvent[]): Finding[] {
  const ends = events.flatMap(({ type }, index) => (FINAL_EVENTS.has(type) ? [index] : []));
  const findings: Finding[] = [];
  const say = (kind: Finding["kind"], what: string) => findings.push({ kind, about: job.id, what });
  if (ends.length > 1)
    say("doubled", `It ended ${ends.length} times: ${ends.map((index) => events[index]?.type).join(", ")}.`);
  const after = events.slice((ends[0] ?? events.length) + 1).map(({ type }) => type);
  if (ends.length === 1 && after.length > 0) say("doubled", `After its end came ${after.join(", ")}.`);
  if (isFinalStatus(job.status) && ends.length === 0) say("lost", `It is ${job.status}, but its log has no end.`);
  if (!isFinalStatus(job.status) && ends.length > 0) say("doubled", `It is ${job.status} after its end.`);
  const epochs = events.flatMap(({ type, data }) => (type === "job.assigned" ? [Number(data?.epoch)] : []));
  for (const [index, epoch] of epochs.entries())
    if (epoch !== index + 1) say("doubled", `Its assignments are numbered ${epochs.join(", ")}.`);
  return findings;
}

/** Everything that was acknowledged is there, once, and ended only as its customer or its policy wanted. */
export function checkOrders(
  orders: readonly Order[],
  jobs: readonly JobRecord[],
  eventsOf: ReadonlyMap<string, readonly JobEvent[]>,
  harms: readonly Harm[],
): Finding[] {
  const byKey = Map.groupBy(jobs, ({ idempotencyKey }) => idempotencyKey);
  return orders.flatMap((order): Finding[] => {
    const about = order.jobId ?? order.key;
    const found = byKey.get(order.key) ?? [];
    if (found.length > 1) return [{ kind: "doubled", about, what: `One order became ${found.length} jobs.` }];
    const [job] = found;
    if (order.jobId === undefined) return [];
    if (job?.id !== order.jobId) return [{ kind: "lost", about, what: "It was acknowledged and is not there." }];
    if (!isFinalStatus(job.status) || isRightEnd(order, job, eventsOf.get(job.id) ?? [], harms)) return [];
    const why = job.reason === null ? "" : ` (${job.reason.code}: ${job.reason.message})`;
    return [{ kind: "lost", about, what: `It is ${job.status}${why}, although nobody wanted that.` }];
  });
}

function isRightEnd(order: Order, job: JobRecord, events: readonly JobEvent[], harms: readonly Harm[]): boolean {
  if (order.stopAskedAt !== undefined) return true;
  if (job.status === "STOPPED") return order.finite;
  return job.status === "FAILED" && !order.restart && wasHarmed(job, events, harms);
}

/** A job that is not to be restarted may fail, but only of something that was done to its agent's processes. */
function wasHarmed(job: JobRecord, events: readonly JobEvent[], harms: readonly Harm[]): boolean {
  const assigned = events.findLast(({ type }) => type === "job.assigned");
  const agentId = String(assigned?.data?.agentId);
  const from = Date.parse(assigned?.ts ?? job.createdAt);
  const to = Date.parse(job.endedAt ?? job.updatedAt);
  return harms.some((harm) => harm.agentIds.includes(agentId) && harm.from <= to && from <= harm.to);
}
