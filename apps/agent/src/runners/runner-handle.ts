import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { Lease } from "@stream-control/agent-sdk";
import type { Destination, ErrorInfo } from "@stream-control/protocol";
import type { Logger } from "@stream-control/service-kit";
import type { AnySpec, RunnerEvent, RunnerResult } from "../runner/contract.js";
import { ControlLink } from "./control-link.js";
import { readResult } from "./job-folder.js";
import { type Command, RunnerChannel } from "./runner-channel.js";
import type { RunnerObserver, RunnerWaits } from "./runner-observer.js";
import type { RunnerProcess } from "./runner-process.js";
import { openStream } from "./stream-link.js";

const FIRST_POLL_MS = 10;
const SLOWEST_POLL_MS = 100;
/** The longest time that a timer takes; Node runs a longer one at once. */
const LONGEST_TIMER_MS = 2_147_483_647;

export interface RunnerHandleOptions {
  folder: string;
  spec: AnySpec;
  process: RunnerProcess;
  observer: RunnerObserver;
  logger: Logger;
  waits: RunnerWaits;
}

/** The agent's hold on one runner: stays connected to it, carries commands, and notices its end, however it comes. */
export class RunnerHandle {
  /** Where the job goes, by name, as far as this agent has seen it. */
  readonly destinations: Map<string, Destination>;
  private readonly channel: RunnerChannel;
  private readonly contact = Promise.withResolvers<void>();
  private readonly end = Promise.withResolvers<void>();
  private over = false;
  private stopping: NodeJS.Timeout | undefined;
  private ownWish: "stop" | "kill" | undefined;
  private readonly waits: RunnerWaits;

  constructor(private readonly options: RunnerHandleOptions) {
    this.waits = options.waits;
    const named = ({ id, type }: Destination, index: number) => id ?? `${type}-${index + 1}`;
    this.destinations = new Map(destinationsOf(options.spec).map((one, index) => [named(one, index), one]));
    this.channel = new RunnerChannel(options.waits.replyMs);
  }

  /** Settles at the runner's first hello, or at its end. */
  get firstContact(): Promise<void> {
    return this.contact.promise;
  }

  /** Whether the job has ended, or the agent has let go of the runner. */
  get isOver(): boolean {
    return this.over;
  }

  /** Settles when the job has ended, or the agent has let go of the runner. */
  get ended(): Promise<void> {
    return this.end.promise;
  }

  /** Begins to follow the runner. */
  start(): void {
    this.follow().catch((thrown: unknown) => {
      this.options.logger.error({ err: thrown, jobId: this.options.spec.jobId }, "a runner could not be followed");
      this.options.process.killGroup();
      this.finish(lost("The agent could not follow the process that ran this job."));
    });
  }

  /** Carries a command out. @throws CommandError where the runner refuses, is gone, or does not answer in time. */
  command(command: Command): Promise<void> {
    return this.channel.command(command);
  }

  /** What goes out, as MPEG-TS. @throws CommandError where the runner is gone or too old for it. */
  stream(): Promise<Readable> {
    return openStream(this.options.spec.socketPath);
  }

  /** A fenced job may go on for as long as that. */
  renew(lease: Lease): void {
    this.channel.renew(lease);
  }

  /** Asks for a graceful end; an end by force follows where the runner does not keep to its grace times. */
  stop(deadlineMs?: number): void {
    const { stopGraceMs, killAfterMs } = this.options.spec;
    this.ownWish ??= "stop";
    this.channel.send({ type: "stop", ...(deadlineMs === undefined ? {} : { deadlineMs }) });
    this.forceAfter(Math.min(stopGraceMs + killAfterMs, deadlineMs ?? Number.POSITIVE_INFINITY) + this.waits.overdueMs);
  }

  /** Asks for an end at once, and sees to it. */
  kill(): void {
    this.ownWish = "kill";
    this.channel.send({ type: "kill" });
    this.forceAfter(this.waits.overdueMs);
  }

  /** Ends the runner and its ffmpegs without asking, within this call. */
  killNow(): void {
    if (this.over) return;
    this.ownWish ??= "kill";
    this.options.process.killGroup();
  }

  /** Lets go of the runner, which goes on. */
  detach(): void {
    this.over = true;
    this.release();
  }

  private async follow(): Promise<void> {
    for (let link = await this.connect(); link !== undefined; link = await this.connect()) await link.closed;
  }

  /** The next connection; undefined when the job has ended or the agent has let go. */
  private async connect(): Promise<ControlLink | undefined> {
    this.channel.unlinked();
    const { folder, spec, process } = this.options;
    const deadline = performance.now() + this.waits.unreachableMs;
    for (let pause = FIRST_POLL_MS; !this.over; pause = Math.min(pause * 2, SLOWEST_POLL_MS)) {
      // Looked at in this order, because a runner writes its result before it ends.
      const { alive } = process;
      const result = await readResult(folder);
      if (this.over) break;
      if (result !== undefined) this.finish(result);
      else if (!alive) this.lose("The process that ran this job ended without a result.");
      else if (performance.now() > deadline) this.lose("The process that ran this job could not be reached.");
      else {
        const link = await ControlLink.open(spec.socketPath, (event) => this.take(event)).catch(() => undefined);
        if (link !== undefined) return this.linked(link);
        await delay(pause);
      }
    }
    return undefined;
  }

  private linked(link: ControlLink): ControlLink | undefined {
    if (this.over) {
      link.close();
      return undefined;
    }
    this.channel.linked(link);
    return link;
  }

  private take(event: RunnerEvent): void {
    if (this.over) return;
    const { observer, spec, logger } = this.options;
    switch (event.type) {
      case "hello":
        if (event.jobId !== spec.jobId || event.epoch !== spec.epoch) {
          logger.error({ jobId: spec.jobId, found: event.jobId }, "a runner says it runs another job");
          this.lose("The process that answers for this job runs another one.");
          break;
        }
        this.options.process.learn(event.pid);
        observer.onStatus(event.status, event.progress);
        this.contact.resolve();
        break;
      case "status":
        observer.onStatus(event.status, undefined);
        break;
      case "progress":
        observer.onProgress(event.progress);
        break;
      case "log":
        observer.onLog(event.level, event.message);
        break;
      case "picture":
        observer.onPicture(event.jpeg, event.takenAt);
        break;
      case "event":
        observer.onEvent(event.event, event.message, event.data);
        break;
      case "reply":
        this.channel.reply(event.id, event.ok ? undefined : (event.error ?? REFUSED));
        break;
      case "ended":
        this.finish(event.result);
        break;
    }
  }

  private forceAfter(ms: number): void {
    if (this.over) return;
    clearTimeout(this.stopping);
    this.stopping = setTimeout(() => this.options.process.killGroup(), Math.min(ms, LONGEST_TIMER_MS));
  }

  private lose(message: string): void {
    this.options.process.killGroup();
    if (this.ownWish === "kill") this.finish({ status: "STOPPED", endedAt: new Date().toISOString() });
    else if (this.ownWish === "stop")
      this.finish({
        ...lost("The job did not end within its grace times and was ended by force."),
        status: "STOPPED",
      });
    else this.finish(lost(message, this.options.process.ending));
  }

  private finish(result: RunnerResult): void {
    if (this.over) return;
    this.over = true;
    this.options.observer.onEnded(result);
    this.release();
  }

  private release(): void {
    clearTimeout(this.stopping);
    this.channel.close();
    this.contact.resolve();
    this.end.resolve();
  }
}

const REFUSED: ErrorInfo = { code: "COMMAND_FAILED", message: "The runner refused the command without a reason." };

const lost = (message: string, detail: object = {}): RunnerResult => ({
  status: "FAILED",
  error: { code: "RUNNER_LOST", message, detail: { fault: "agent", ...detail } },
  endedAt: new Date().toISOString(),
});

/** A render has none. */
const destinationsOf = (spec: AnySpec): readonly Destination[] => ("config" in spec ? spec.config.destinations : []);
