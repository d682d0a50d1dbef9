import type { JobEvent } from "@stream-control/protocol";
import type { Tone } from "../streams/health.js";

const BAD =
  /(^job\.(failed|unknown|lost))|(source_lost|_failed|_exceeded|unhealthy|alarm_raised|encoder_slow|exhausted|not_live)$/;
const WARN = /(retrying|restarted|moving|unassigned|flap|delayed|restart_requested|restart_queued|muted|paused)$/;
const GOOD = /(^job\.running)|(source_back|_back|alarm_cleared|healthy|\.live|restart_ready|unmuted|unpaused)$/;

/** How good what an event tells is. */
export function toneOfEvent({ type }: Pick<JobEvent, "type">): Tone {
  if (/(unmuted|unpaused)$/.test(type)) return "good";
  if (BAD.test(type)) return "bad";
  if (WARN.test(type)) return "warn";
  return GOOD.test(type) ? "good" : "idle";
}

/** One try of a job: an assignment to an agent and how it ended. */
export interface Attempt {
  epoch: number;
  agentId: string;
  from: string;
  /** Null while it lasts. */
  until: string | null;
  outcome: string;
}

const ENDS = new Set(["job.stopped", "job.failed", "job.canceled", "job.unassigned", "job.requeued", "job.moved"]);

/** The tries of a job, out of its events in their order. */
export function attemptsOf(events: readonly JobEvent[]): Attempt[] {
  const attempts: Attempt[] = [];
  for (const { type, data, ts, message } of events) {
    const last = attempts.at(-1);
    if (type === "job.assigned") {
      if (last !== undefined) last.until ??= ts;
      const agentId = typeof data?.agentId === "string" ? data.agentId : "?";
      const epoch = typeof data?.epoch === "number" ? data.epoch : attempts.length + 1;
      attempts.push({ epoch, agentId, from: ts, until: null, outcome: "running" });
    } else if (last !== undefined && last.until === null && (ENDS.has(type) || type.endsWith("restart_queued"))) {
      last.until = ts;
      last.outcome = message;
    }
  }
  return attempts;
}
