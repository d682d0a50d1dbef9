import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { AgentRecord, CreateJob, JobDetail, JobEvent, JobRecord } from "@stream-control/protocol";
import { freePort, keepLog, type TemporaryFolder, temporaryFolder, waitFor } from "@stream-control/test-kit";
import { Agent, fetch } from "undici";

export interface RoomOptions {
  /** Variables of the orchestrator beside the usual ones. */
  env?: Record<string, string>;
  /** The authority of its certificate, PEM, where it speaks TLS. */
  ca?: string;
}

type JobBody = Partial<Omit<CreateJob, "inlineConfig">> & { inlineConfig?: object };

/** A real orchestrator and, where asked for, real agents, each a process of its own with a folder of its own. */
export class Room {
  private orchestrator: ChildProcess | undefined;
  private readonly running = new Map<string, ChildProcess>();

  private readonly dispatcher: Agent;

  private constructor(
    readonly port: number,
    readonly folder: TemporaryFolder,
    private readonly options: RoomOptions,
  ) {
    const { ca } = options;
    this.dispatcher = new Agent(ca === undefined ? {} : { connect: { ca } });
  }

  static async open(options: RoomOptions = {}): Promise<Room> {
    const room = new Room(await freePort(), await temporaryFolder("sc-e2e-"), options);
    await room.startOrchestrator();
    return room;
  }

  get url(): string {
    return `${this.scheme("http")}://127.0.0.1:${this.port}`;
  }
  /** What agents connect to. */
  get agentUrl(): string {
    return `${this.scheme("ws")}://127.0.0.1:${this.port}/agent`;
  }
  /** Where the agent may write. */
  get media(): string {
    return this.folder.file("media");
  }

  async startOrchestrator(): Promise<void> {
    this.orchestrator = this.spawn("orchestrator", {
      PORT: String(this.port),
      DATA_DIR: this.folder.file("orchestrator"),
      MEDIA_DIR: this.media,
      HEARTBEAT_INTERVAL_MS: "500",
      HEARTBEAT_TIMEOUT_MS: "3000",
      LEASE_MS: "3000",
      RESTART_BASE_MS: "200",
      ...this.options.env,
    });
    await waitFor(async () => (await this.call("/healthz")).ok, { what: "the orchestrator" });
  }

  async killOrchestrator(): Promise<void> {
    await end(this.orchestrator, "SIGKILL");
  }

  async startAgent(id = "encoder-1", env: Record<string, string> = {}): Promise<void> {
    this.launchAgent(id, env);
    await this.agentOnline(id);
  }

  /** Starts an agent and does not wait for it. */
  launchAgent(id: string, env: Record<string, string>): void {
    const child = this.spawn("agent", {
      ORCHESTRATOR_URL: this.agentUrl,
      DATA_DIR: this.agentData(id),
      OUTPUT_DIRS: this.media,
      INPUT_DIRS: this.media,
      AGENT_ID: id,
      SLOTS: "4",
      STOP_JOBS_ON_EXIT: "true",
      ...env,
    });
    this.running.set(id, child);
  }

  async agentOnline(id = "encoder-1"): Promise<void> {
    await waitFor(async () => (await this.agents()).some((agent) => agent.id === id && agent.state !== "OFFLINE"), {
      deadlineMs: 60_000,
      what: `the agent ${id}`,
    });
  }

  async killAgent(id = "encoder-1"): Promise<void> {
    await end(this.running.get(id), "SIGKILL");
  }

  agentData(id = "encoder-1"): string {
    return this.folder.file(`agent-${id}`);
  }

  agents(): Promise<AgentRecord[]> {
    return this.get("/v1/agents");
  }
  job(id: string): Promise<JobDetail> {
    return this.get(`/v1/jobs/${id}`);
  }
  /** Every job, the oldest first. */
  jobs(): Promise<JobRecord[]> {
    return this.get("/v1/jobs");
  }
  async events(id: string): Promise<JobEvent[]> {
    return (await this.get<{ items: JobEvent[] }>(`/v1/jobs/${id}/events?limit=1000`)).items;
  }

  async submit(body: JobBody): Promise<JobDetail> {
    const response = await this.post("/v1/jobs", body);
    if (response.status !== 201)
      throw new Error(`The job was answered with ${response.status}: ${await response.text()}`);
    return (await response.json()) as JobDetail;
  }

  post(path: string, body?: object) {
    return this.call(path, {
      method: "POST",
      ...(body === undefined ? {} : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
    });
  }

  /** Waits until a job has the status; says what it had instead. */
  async until(id: string, status: JobDetail["status"], deadlineMs = 60_000): Promise<JobDetail> {
    let last: JobDetail | undefined;
    try {
      return await waitFor(
        async () => {
          last = await this.job(id);
          return last.status === status ? last : undefined;
        },
        { deadlineMs, what: `job status ${status}` },
      );
    } catch (cause) {
      throw new Error(`The job is ${last?.status}, not ${status}: ${JSON.stringify(last)}`, { cause });
    }
  }

  async stop(id: string): Promise<JobDetail> {
    await this.post(`/v1/jobs/${id}/stop`);
    return this.until(id, "STOPPED");
  }

  /** Everything that the services have logged. */
  async logs(): Promise<string> {
    const texts = await Promise.all(
      ["orchestrator", "agent"].map((app) => readFile(this.logFile(app), "utf8").catch(() => "")),
    );
    return texts.join("");
  }

  async close(): Promise<void> {
    await Promise.all([...this.running.values()].map((agent) => end(agent, "SIGTERM")));
    await end(this.orchestrator, "SIGTERM");
    await this.dispatcher.close();
    keepLog("room", await this.logs());
    await this.folder.remove();
  }

  call(path: string, init: { method?: string; headers?: Record<string, string>; body?: string } = {}) {
    return fetch(`${this.url}${path}`, { ...init, dispatcher: this.dispatcher });
  }

  private scheme(plain: "http" | "ws"): string {
    return this.options.ca === undefined ? plain : `${plain}s`;
  }

  private async get<T>(path: string): Promise<T> {
    const response = await this.call(path);
    if (!response.ok) throw new Error(`${path} was answered with ${response.status}.`);
    return (await response.json()) as T;
  }

  private spawn(app: "orchestrator" | "agent", env: Record<string, string>): ChildProcess {
    const main = fileURLToPath(new URL(`../../apps/${app}/dist/main.js`, import.meta.url));
    const log = openSync(this.logFile(app), "a");
    const child = spawn(process.execPath, ["--enable-source-maps", main], {
      env: { PATH: process.env.PATH, LOG_LEVEL: "debug", ...env },
      stdio: ["ignore", log, log],
    });
    return child;
  }

  private logFile(app: string): string {
    return this.folder.file(`${app}.log`);
  }
}

async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}
