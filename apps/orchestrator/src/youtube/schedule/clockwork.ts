import { createJobSchema, type JsonObject } from "@stream-control/protocol";
import { type Logger, toError } from "@stream-control/service-kit";
import type { AuditRecorder } from "@stream-control/service-kit/audit";
import { asSystem, parseBody } from "@stream-control/service-kit/http";
import type { AgentRegistry } from "../../agents/registry.js";
import type { JobControl } from "../../jobs/control.js";
import { configOf } from "../../jobs/job-record.js";
import { type SubmissionDeps, toNewJob } from "../../jobs/submission.js";
import { Alarms } from "../../scheduling/alarms.js";
import { fitting, type Waiting } from "../../scheduling/placement.js";
import { requirementOf } from "../../scheduling/requirement.js";
import type { Scheduler } from "../../scheduling/scheduler.js";
import { leastLoaded } from "../../scheduling/strategies/by-load.js";
import type { Book } from "../broadcasts/book.js";
import type { Broadcast } from "../broadcasts/broadcast.js";
import type { Conductor } from "../broadcasts/conductor.js";
import type { JobBroadcasts } from "../broadcasts/job-broadcasts.js";
import { type DueOptions, dueNow } from "./due.js";

export interface ClockworkOptions {
  book: Book;
  conductor: Conductor;
  jobBroadcasts: JobBroadcasts;
  submission: SubmissionDeps;
  registry: AgentRegistry;
  scheduler: Scheduler;
  control: JobControl;
  audit: AuditRecorder;
  due: DueOptions;
  logger: Logger;
  now: () => Date;
}

/** Until something that could not be done, such as where no agent is free, is tried again. */
const RETRY_MS = 5000;

/** Starts and stops broadcasts at their times, and keeps agents free for them. Times are on disk, so restarts change none. */
export class Clockwork {
  private readonly alarms: Alarms;
  private readonly busy = new Set<string>();
  private stopped = false;

  constructor(private readonly options: ClockworkOptions) {
    this.alarms = new Alarms(options.now);
  }

  start(): void {
    const { book, registry } = this.options;
    for (const broadcast of book.broadcasts()) {
      const { reservedAgentId } = broadcast.options;
      if (reservedAgentId !== undefined) registry.reserve(reservedAgentId, nameOf(broadcast));
      this.follow(broadcast);
    }
    book.onChange((broadcast) => this.follow(broadcast));
  }

  stop(): void {
    this.stopped = true;
    this.alarms.stop();
  }

  /** What a broadcast's job asks of an agent. */
  async demandOf(broadcast: Pick<Broadcast, "room" | "startRequest">): Promise<Waiting> {
    const row = await this.newJob(broadcast, undefined);
    return { requirement: requirementOf(configOf(row), row.room), avoid: new Map() };
  }

  /** Keeps an agent free, which is still to be noted. @returns which one; undefined where none can be. */
  async reserve(broadcast: Broadcast): Promise<string | undefined> {
    const demand = await this.demandOf(broadcast);
    const fit = fitting(this.options.registry.all(), demand);
    const agent = fit && leastLoaded(fit).agent;
    if (agent !== undefined) this.options.registry.reserve(agent.id, nameOf(broadcast));
    return agent?.id;
  }

  /** An agent need not be kept free any more. */
  unreserve(broadcast: Broadcast): void {
    const { reservedAgentId } = broadcast.options;
    if (reservedAgentId !== undefined) this.options.registry.unreserve(reservedAgentId, nameOf(broadcast));
  }

  private follow(broadcast: Broadcast): void {
    this.alarms.clear(broadcast.id);
    if (this.stopped || this.busy.has(broadcast.id)) return;
    const due = dueNow(broadcast, { ...this.options.due, nowMs: this.options.now().getTime() });
    if (due.do !== "wait") {
      this.busy.add(broadcast.id);
      void asSystem(() => this.carryOut(broadcast, due.do));
    } else if (due.untilMs !== undefined) this.again(broadcast, due.untilMs);
  }

  private again(broadcast: Broadcast, atMs: number): void {
    this.alarms.set(broadcast.id, atMs, () => this.follow(broadcast));
  }

  /** Never rejects. */
  private async carryOut(broadcast: Broadcast, what: "start" | "reserve" | "release" | "stop" | "miss"): Promise<void> {
    let done = false;
    try {
      done = await this.act(broadcast, what);
    } catch (thrown) {
      this.options.logger.error(
        { err: toError(thrown), broadcast: broadcast.id, what },
        "a broadcast's time is tried again",
      );
    }
    this.busy.delete(broadcast.id);
    if (done) this.follow(broadcast);
    else this.again(broadcast, this.options.now().getTime() + RETRY_MS);
  }

  /** @returns whether there is nothing to wait for before the next look. */
  private async act(broadcast: Broadcast, what: "start" | "reserve" | "release" | "stop" | "miss"): Promise<boolean> {
    switch (what) {
      case "reserve": {
        const reservedAgentId = await this.reserve(broadcast);
        if (reservedAgentId !== undefined) {
          await this.options.conductor.amend(broadcast.id, { options: { ...broadcast.options, reservedAgentId } });
          return true;
        }
        await this.problem(broadcast, "NO_AGENT", "No agent is free for the start; it is looked for one until then.");
        return false;
      }
      case "release":
        this.unreserve(broadcast);
        await this.dropReservation(broadcast, {});
        return true;
      case "stop": {
        const message = "The broadcast has come to the time at which it was to stop by itself.";
        await this.options.control.stop(broadcast.jobId ?? "", { code: "AUTO_STOP", message, fault: null });
        return false;
      }
      case "start":
        await this.begin(broadcast);
        return true;
      case "miss": {
        const message = `The start at ${broadcast.scheduledStart} was missed by too much; start it by hand (POST /v1/jobs with its broadcastId), or give it another time.`;
        await this.problem(broadcast, "START_MISSED", message, { autoStart: false });
        return true;
      }
    }
  }

  private async begin(broadcast: Broadcast): Promise<void> {
    const { scheduler, jobBroadcasts } = this.options;
    const { reservedAgentId: agentId, autoStarts = 0 } = broadcast.options;
    try {
      const row = await this.newJob(broadcast, `broadcast ${broadcast.id} ${autoStarts}`);
      if (agentId !== undefined) scheduler.redeem(row.id, { agentId, name: nameOf(broadcast) });
      await jobBroadcasts.fill(row, broadcast);
      await this.dropReservation(broadcast, { autoStarts: autoStarts + 1 });
    } catch (thrown) {
      const { message } = toError(thrown);
      await this.problem(broadcast, "START_FAILED", `The broadcast could not be started: ${message}`, {
        autoStart: false,
      });
    }
  }

  private newJob({ room, startRequest }: Pick<Broadcast, "room" | "startRequest">, key: string | undefined) {
    const request: JsonObject = startRequest ?? {};
    const what = "templateId" in request || "inlineConfig" in request ? {} : { inlineConfig: {} };
    const body = parseBody(createJobSchema, {
      ...request,
      ...what,
      ...(key === undefined ? {} : { idempotencyKey: key }),
    });
    return toNewJob(body, { name: null, room }, this.options.submission);
  }

  private async dropReservation(broadcast: Broadcast, more: Broadcast["options"]): Promise<void> {
    const { reservedAgentId: _, ...kept } = broadcast.options;
    await this.options.conductor.amend(broadcast.id, { options: { ...kept, ...more } });
  }

  private async problem(
    broadcast: Broadcast,
    reason: string,
    message: string,
    more: Partial<Broadcast> = {},
  ): Promise<void> {
    if (broadcast.problem?.reason === reason) return;
    const at = this.options.now().toISOString();
    await this.options.conductor.amend(broadcast.id, { ...more, problem: { kind: "schedule", reason, message, at } });
    await this.options.audit.record({
      ...{
        type: "broadcast.not_started",
        subject: `broadcast:${broadcast.id}`,
        result: "failed",
        message,
        data: { reason },
      },
    });
  }
}

const nameOf = ({ id }: Broadcast): string => `broadcast:${id}`;
