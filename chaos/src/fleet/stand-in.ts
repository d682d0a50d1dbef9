import {
  AgentClient,
  type AgentOptions,
  type Assignment,
  accept,
  decline,
  type Lease,
} from "@stream-control/agent-sdk";
import { z } from "zod";
import type { JournalLine } from "./journal.js";

const configSchema = z.object({
  standIn: z.object({ runMs: z.number().nullable(), failures: z.int() }),
});

export interface StandInOptions {
  connection: Pick<AgentOptions, "url" | "token" | "agentId" | "logger">;
  slots: number;
  write(line: JournalLine): void;
}

/** A job that it pretends to push: `pushedAt` moves on with every tick that the job's lease allows. */
interface Push {
  jobId: string;
  epoch: number;
  pushedAt: number;
  endsAt: number;
  outcome: "STOPPED" | "FAILED";
  /** A fenced job pushes only while this lasts. */
  lease: Lease | undefined;
}

/** Milliseconds between two pushes: a frame would be sent that often. */
const TICK_MS = 50;

/** A light agent for volume: takes jobs that are meant for it, runs them without any media, ends them as they say. */
export class StandIn {
  private readonly pushes = new Map<string, Push>();
  private readonly client: AgentClient;
  private readonly ticker: NodeJS.Timeout;

  constructor(private readonly options: StandInOptions) {
    const { connection, slots } = options;
    this.client = new AgentClient({
      ...connection,
      name: connection.agentId,
      version: "1.0.0",
      capabilities: { slots },
      handlers: {
        onAssign: (assignment, { lease }) => this.assign(assignment, lease),
        onStop: ({ jobId }) => this.stop(jobId),
        onMute: () => {},
        onUnmute: () => {},
        onLease: ({ jobId }, lease) => {
          const push = this.pushes.get(jobId);
          if (push !== undefined) push.lease = lease;
        },
      },
    });
    this.ticker = setInterval(() => this.tick(), TICK_MS);
  }

  start(): void {
    this.client.start();
  }

  async close(): Promise<void> {
    clearInterval(this.ticker);
    for (const push of this.pushes.values()) this.end(push, "STOPPED");
    await this.client.stop();
  }

  private assign({ jobId, epoch = 0, config }: Assignment, lease: Lease | undefined) {
    const parsed = configSchema.safeParse(config);
    if (!parsed.success) return decline({ code: "NOT_FOR_STAND_INS", message: "A stand-in pushes no real streams." });
    const { runMs, failures } = parsed.data.standIn;
    const now = Date.now();
    const push: Push = {
      ...{ jobId, epoch, pushedAt: now },
      endsAt: runMs === null ? Number.POSITIVE_INFINITY : now + runMs,
      lease,
      outcome: epoch <= failures ? "FAILED" : "STOPPED",
    };
    // A run that is to fail does so soon, also where the job would go on for ever.
    if (push.outcome === "FAILED") push.endsAt = Math.min(push.endsAt, now + 500);
    this.pushes.set(jobId, push);
    this.note("start", push);
    this.client.update(jobId, "RUNNING");
    return accept();
  }

  private tick(): void {
    const now = Date.now();
    for (const push of this.pushes.values()) {
      if (push.lease !== undefined && push.lease.leftMs <= 0) this.end(push, "FAILED");
      else if (now >= push.endsAt) this.end(push, push.outcome);
      else push.pushedAt = now;
    }
  }

  private stop(jobId: string): void {
    const push = this.pushes.get(jobId);
    if (push !== undefined) this.end(push, "STOPPED");
  }

  private end(push: Push, status: "STOPPED" | "FAILED"): void {
    this.pushes.delete(push.jobId);
    this.note("end", push);
    const error = { code: "STAND_IN_FAILED", message: "It was told to fail.", detail: { fault: "encoder" } };
    this.client.stopped(push.jobId, status, status === "FAILED" ? { error } : {});
  }

  private note(what: JournalLine["what"], { jobId, epoch, pushedAt }: Push): void {
    this.options.write({ what, jobId, epoch, agentId: this.options.connection.agentId, at: pushedAt });
  }
}
