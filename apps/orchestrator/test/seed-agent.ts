import { WebSocket } from "ws";
import { SocketClient, type WireMessage } from "./inbox.js";

/** A job as an agent was given it. */
export interface Assignment {
  jobId: string;
  /** `msgId` of the assignment, which the acknowledgment carries back. */
  msgId: string;
  epoch: number;
  // biome-ignore lint/suspicious/noExplicitAny: the config is whatever the test submitted.
  config: any;
  // biome-ignore lint/suspicious/noExplicitAny: the whole payload, for tests that look into it.
  payload: any;
}

export interface SeedAgentOptions {
  agentId?: string;
  token?: string;
  room?: string;
  slots?: number;
  maxResolution?: string;
  drain?: boolean;
  /** Optional commands that it knows, such as `leases`. */
  features?: string[];
  /** What it says that its machine has. */
  resources?: object;
  /** Says whether it can draw text. */
  drawsText?: boolean;
  /** Sends no heartbeats. */
  silent?: boolean;
  activeJob?: { jobId: string; status: string } | null;
  /** What it does with an assignment; {@link SeedAgent.run} unless given. */
  onAssign?: (agent: SeedAgent, assignment: Assignment) => void;
  /** What it does with a stop; {@link SeedAgent.stopped} unless given. */
  onStop?: (agent: SeedAgent, jobId: string) => void;
  onKill?: (agent: SeedAgent, jobId: string) => void;
  /** Set for an agent that knows epochs, `activeJobs` and settled replies. */
  modern?: { activeJobs?: { jobId: string; status: string; epoch: number }[] };
}

/**
 * An agent written from the published messages alone: only the fields that they show, no epoch, no STARTING. With
 * `modern` it also says what our own agents add.
 */
export class SeedAgent extends SocketClient {
  readonly agentId: string;
  readonly assignments: Assignment[] = [];
  /** Hellos and heartbeats that carried an id: when they were sent, by `performance.now()`. */
  readonly beats = new Map<string, number>();
  private beating = false;

  private constructor(
    url: string,
    private readonly options: SeedAgentOptions,
  ) {
    super(new WebSocket(url));
    this.agentId = options.agentId ?? "agent-123";
    this.onMessage((message) => this.act(message));
  }

  /** Connects, says hello and waits for the answer. */
  static async connect(url: string, options: SeedAgentOptions = {}): Promise<SeedAgent> {
    const agent = await SeedAgent.dial(url, options);
    agent.hello();
    await agent.next("orchestrator.hello.ok");
    return agent;
  }

  /** Opens the socket without a word. */
  static async dial(url: string, options: SeedAgentOptions = {}): Promise<SeedAgent> {
    const agent = new SeedAgent(url, options);
    await agent.opened();
    return agent;
  }

  hello(changes: object = {}): void {
    const { token = "secret", slots = 1, maxResolution, drain = false, activeJob = null, modern } = this.options;
    const { features, resources, drawsText } = this.options;
    this.send(
      "agent.hello",
      {
        agentId: this.agentId,
        name: `Streaming Agent ${this.agentId}`,
        version: "1.0.0",
        capabilities: {
          slots,
          ...(maxResolution === undefined ? {} : { maxResolution }),
          ...(features === undefined ? {} : { features }),
          ...(resources === undefined ? {} : { resources }),
          ...(drawsText === undefined ? {} : { drawsText }),
        },
        drain,
        ...(this.options.room === undefined ? {} : { room: this.options.room }),
        activeJob,
        auth: { token },
        ...(modern === undefined ? {} : { protocolVersion: 1, activeJobs: modern.activeJobs ?? [] }),
        ...changes,
      },
      { msgId: this.beatId(), ts: new Date().toISOString() },
    );
  }

  send(type: string, payload: object, envelope: object = {}): void {
    this.sendRaw(JSON.stringify({ type, ...envelope, payload }));
  }

  heartbeat(): void {
    this.send("agent.heartbeat", {}, this.options.modern === undefined ? {} : { msgId: this.beatId() });
  }

  ack({ jobId, msgId }: Pick<Assignment, "jobId" | "msgId">, fields: object = {}): void {
    this.send(
      "agent.assign.ack",
      { jobId, accepted: true, ...this.epochOf(jobId), ...fields },
      { correlationId: msgId },
    );
  }

  update(jobId: string, status: string, fields: object = {}): void {
    this.send("agent.job.update", { jobId, status, ...this.epochOf(jobId), ...fields });
  }

  stopped(jobId: string, status: "STOPPED" | "FAILED" = "STOPPED", fields: object = {}): void {
    this.send("agent.job.stopped", { jobId, status, ...this.epochOf(jobId), ...fields });
  }

  fail(jobId: string, code = "FFMPEG_EXITED", message = "ffmpeg ended with 1."): void {
    this.stopped(jobId, "FAILED", { error: { code, message } });
  }

  /** Takes the job and reports that it runs. */
  run(assignment: Assignment): void {
    this.ack(assignment);
    this.update(assignment.jobId, "RUNNING");
  }

  /** The assignment number `index` (0 for the first), also where it is still to come. */
  async assignment(index = 0): Promise<Assignment> {
    while (this.assignments.length <= index) await this.next("orchestrator.assign.start", undefined, this.sinceLast());
    return this.assignments[index] as Assignment;
  }

  /** The newest assignment of a job, also where it is still to come. */
  async assignmentOf(jobId: string): Promise<Assignment> {
    await this.next("orchestrator.assign.start", (payload) => payload.jobId === jobId);
    return this.assignments.findLast((known) => known.jobId === jobId) as Assignment;
  }

  /**
   * Waits until the orchestrator has worked on everything that was sent so far: messages of a socket are read in order,
   * and a broken one is answered at once.
   */
  async roundTrip(): Promise<void> {
    const msgId = crypto.randomUUID();
    let since = this.received.length;
    this.sendRaw(JSON.stringify({ type: "agent.job.update", msgId, payload: {} }));
    for (;;) {
      const answer = await this.next("orchestrator.error", undefined, { since });
      if (answer.correlationId === msgId) return;
      // Others may have come together with it.
      since = this.received.indexOf(answer) + 1;
    }
  }

  private sinceLast() {
    return { since: this.received.length };
  }

  private epochOf(jobId: string): { epoch?: number } {
    if (this.options.modern === undefined) return {};
    const epoch = this.assignments.findLast((known) => known.jobId === jobId)?.epoch;
    return epoch === undefined ? {} : { epoch };
  }

  private beatId(): string {
    const id = crypto.randomUUID();
    this.beats.set(id, performance.now());
    return id;
  }

  private beat(everyMs: number): void {
    if (this.options.silent === true || this.beating) return;
    this.beating = true;
    const timer = setInterval(() => this.heartbeat(), everyMs);
    this.socket.once("close", () => clearInterval(timer));
  }

  private act({ type, msgId = "", payload }: WireMessage): void {
    const { onAssign, onStop, onKill } = this.options;
    if (type === "orchestrator.hello.ok") this.beat(payload.heartbeatIntervalMs);
    else if (type === "orchestrator.assign.start") {
      const { jobId, epoch, config } = payload;
      const assignment: Assignment = { jobId, msgId, epoch, config, payload };
      this.assignments.push(assignment);
      if (onAssign === undefined) this.run(assignment);
      else onAssign(this, assignment);
    } else if (type === "orchestrator.job.stop") {
      if (onStop === undefined) this.stopped(payload.jobId);
      else onStop(this, payload.jobId);
    } else if (type === "orchestrator.job.kill") onKill?.(this, payload.jobId);
  }
}
