import { type AgentRecord, isFinalStatus, type JobRecord } from "@stream-control/protocol";
import type { PublisherSession } from "@stream-control/test-kit";
import type { Order } from "../customers/customers.js";
import type { LightRun } from "../fleet/journal.js";
import type { Finding } from "./finding.js";

/** What is to be seen from outside at one moment. */
export interface View {
  now: number;
  orders: readonly Order[];
  jobs: readonly JobRecord[];
  agents: readonly AgentRecord[];
  agentIds: readonly string[];
  sessions: readonly PublisherSession[];
  lightRuns: readonly LightRun[];
}

/** A stream counts as up while its last media is at most this old, in milliseconds. */
const FRESH_MS = 1500;

/**
 * What is not at rest: an agent that is away, a job that waits or is on its way, one that is to stop and goes on, one that
 * is said to run and is pushed by nobody. Once everything has been healed, none of this may last.
 */
export function unsettled(view: View): Finding[] {
  const { orders, jobs, agents, agentIds } = view;
  const byId = new Map(jobs.map((job) => [job.id, job]));
  const away = agentIds.filter((id) => !agents.some((agent) => agent.id === id && agent.state !== "OFFLINE"));
  return [
    ...away.map((id): Finding => ({ kind: "stuck", about: id, what: "The agent has not come back." })),
    ...orders.flatMap((order) => {
      const job = order.jobId === undefined ? undefined : byId.get(order.jobId);
      const what = job === undefined ? undefined : unrest(order, job, view);
      return what === undefined ? [] : [{ kind: "stuck" as const, about: order.jobId ?? order.key, what }];
    }),
  ];
}

function unrest(order: Order, job: JobRecord, view: View): string | undefined {
  if (isFinalStatus(job.status)) return undefined;
  if (order.stopAskedAt !== undefined) return `It is ${job.status} although a stop was asked for.`;
  if (order.finite) return `It is ${job.status} although it should have ended by itself.`;
  if (job.status !== "RUNNING")
    return `It is ${job.status}${job.pendingReason === null ? "" : ` (${job.pendingReason})`}.`;
  return isPushed(order, job, view) ? undefined : `It is RUNNING at ${job.agentId}, but nobody pushes it.`;
}

function isPushed({ kind, streamPath }: Order, job: JobRecord, { now, sessions, lightRuns }: View): boolean {
  if (kind === "light")
    return lightRuns.some((run) => run.jobId === job.id && run.epoch === job.epoch && run.to === undefined);
  return sessions.some(
    (session) => session.streamPath === streamPath && now - (session.spans.at(-1)?.to ?? 0) <= FRESH_MS,
  );
}
