import { FakeSocket } from "./fake-socket.js";

/** How an agent answers assignments, and whether it does as it is told. */
export interface Manners {
  /** `secret`: it runs the job, but nothing that it says of it arrives. */
  assign: "run" | "decline" | "mute" | "instant" | "secret";
  obeys: boolean;
}

interface Run {
  epoch: number;
  /** Its right to go on, by the monotonic clock; Infinity without a lease. */
  untilMs: number;
  secret: boolean;
}

interface Link {
  socket: FakeSocket;
  up: string[];
  down: string[];
}

/**
 * An agent that keeps the rules of leases and nothing else for certain: messages to and from it wait until they are
 * delivered, and are lost with its link.
 */
export class VirtualAgent {
  readonly running = new Map<string, Run>();
  manners: Manners = { assign: "run", obeys: true };
  /** Nothing passes, in either direction. */
  held = false;
  private link: Link | undefined;
  /** Ends that the orchestrator has not settled yet, by job and epoch. */
  private readonly unsettled = new Map<string, object>();
  private readonly said: { type: string; payload: object }[] = [];
  private readonly beats = new Map<string, number>();
  private count = 0;

  constructor(
    readonly id: string,
    readonly slots: number,
    private readonly accept: (socket: FakeSocket) => void,
  ) {}

  get connected(): boolean {
    return this.link?.socket.readyState === 1;
  }

  connect(): void {
    const down: string[] = [];
    this.link = { socket: new FakeSocket((text) => down.push(text)), up: [], down };
    this.held = false;
    this.accept(this.link.socket);
    const activeJobs = [...this.running].map(([jobId, { epoch }]) => ({ jobId, status: "RUNNING", epoch }));
    const capabilities = { slots: this.slots, features: ["leases"] };
    const known = { agentId: this.id, name: this.id, version: "1", protocolVersion: 1, auth: { token: "secret" } };
    this.beat("agent.hello", { ...known, capabilities, activeJobs });
    for (const payload of this.unsettled.values()) this.send("agent.job.stopped", payload);
  }

  /** The link is gone; `noticed` where the orchestrator sees that at once. */
  cut(noticed: boolean): void {
    const { link } = this;
    this.link = undefined;
    if (noticed) link?.socket.terminate();
  }

  /** The machine starts anew: what it ran is gone, and so is what it had to say. */
  reboot(): void {
    this.cut(true);
    this.running.clear();
    this.unsettled.clear();
    this.said.length = 0;
  }

  /** A heartbeat, and a measurement of every job, which tells the orchestrator what runs here. */
  heartbeat(): void {
    this.beat("agent.heartbeat", {});
    for (const [jobId, { epoch, secret }] of this.running)
      if (!secret || this.manners.assign !== "secret")
        this.push("agent.job.update", { jobId, epoch, status: "RUNNING", progress: { frame: this.count } });
  }

  /** What runs without the right to go on ends. */
  fence(): void {
    for (const [jobId, { untilMs }] of this.running)
      if (untilMs <= performance.now()) this.end(jobId, "FAILED", { code: "LEASE_EXPIRED", message: "Cut off." });
  }

  /** The first of its jobs ends by itself. */
  endOne(status: "STOPPED" | "FAILED"): void {
    const [jobId] = this.running.keys();
    if (jobId !== undefined) this.end(jobId, status, { code: "FFMPEG_EXITED", message: "ffmpeg ended with 1." });
  }

  /** Says again something that it said before, however old that is. */
  repeat(index: number): void {
    const again = this.said[index % Math.max(1, this.said.length)];
    if (again !== undefined) this.push(again.type, again.payload);
  }

  /** Hands on what waits, in both directions. */
  deliver(): void {
    const { link } = this;
    if (link === undefined || this.held) return;
    for (const text of link.up.splice(0))
      if (link.socket.readyState === 1) link.socket.emit("message", Buffer.from(text));
    for (const text of link.down.splice(0)) this.take(JSON.parse(text));
    if (link.socket.readyState !== 1) this.link = undefined;
  }

  // biome-ignore lint/suspicious/noExplicitAny: it reads what the orchestrator wrote, whatever that is.
  private take({ type, msgId, correlationId, payload }: any): void {
    if (type === "orchestrator.assign.start") this.assigned(payload, msgId);
    else if (type === "orchestrator.lease.renewed") this.renewed(payload, correlationId);
    else if (type === "orchestrator.job.settled") this.unsettled.delete(`${payload.jobId} ${payload.epoch}`);
    else if (/^orchestrator\.job\.(stop|kill)$/.test(type) && (this.manners.obeys || type.endsWith("kill")))
      if (this.running.has(payload.jobId)) this.end(payload.jobId, "STOPPED");
  }

  private assigned(
    { jobId, epoch, leaseMs, leaseFrom }: { jobId: string; epoch: number; leaseMs?: number; leaseFrom?: string },
    msgId: string,
  ): void {
    const ack = (accepted: boolean) => this.send("agent.assign.ack", { jobId, epoch, accepted }, msgId);
    const untilMs = leaseMs === undefined ? Number.POSITIVE_INFINITY : (this.beats.get(leaseFrom ?? "") ?? 0) + leaseMs;
    if (this.manners.assign === "mute") return;
    if (this.manners.assign === "decline" || untilMs <= performance.now()) {
      ack(false);
      return;
    }
    const secret = this.manners.assign === "secret";
    this.running.set(jobId, { epoch, untilMs, secret });
    if (secret) return;
    ack(true);
    this.send("agent.job.update", { jobId, epoch, status: "RUNNING" });
    if (this.manners.assign === "instant") this.end(jobId, "STOPPED");
  }

  private renewed(
    { leaseMs, jobs }: { leaseMs: number; jobs: { jobId: string; epoch: number }[] },
    beat: string,
  ): void {
    for (const { jobId, epoch } of jobs) {
      const run = this.running.get(jobId);
      if (run?.epoch === epoch) run.untilMs = Math.max(run.untilMs, (this.beats.get(beat) ?? 0) + leaseMs);
    }
  }

  private end(jobId: string, status: "STOPPED" | "FAILED", error?: object): void {
    const epoch = this.running.get(jobId)?.epoch;
    this.running.delete(jobId);
    const payload = { jobId, epoch, status, ...(status === "FAILED" ? { error } : {}) };
    this.unsettled.set(`${jobId} ${epoch}`, payload);
    this.send("agent.job.stopped", payload);
  }

  private beat(type: string, payload: object): void {
    const msgId = this.push(type, payload);
    this.beats.set(msgId, performance.now());
  }

  private send(type: string, payload: object, correlationId?: string): void {
    this.said.push({ type, payload });
    this.push(type, payload, correlationId);
  }

  private push(type: string, payload: object, correlationId?: string): string {
    this.count += 1;
    const msgId = `${this.id}-${this.count}`;
    this.link?.up.push(JSON.stringify({ type, msgId, ...(correlationId ? { correlationId } : {}), payload }));
    return msgId;
  }
}
