import { temporaryFolder, waitFor } from "@stream-control/test-kit";
import { Orchestrator, type OrchestratorOptions } from "../src/index.js";
import { SocketClient } from "./inbox.js";
import { SeedAgent, type SeedAgentOptions } from "./seed-agent.js";

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every kind.
  body: any;
}

// biome-ignore lint/suspicious/noExplicitAny: the record as the wire shows it, which is what is tested.
type Job = any;

/** Patient times, so that a busy machine fails no test; a test that is about a deadline gives its own. */
const PATIENT: OrchestratorOptions = {
  port: 0,
  host: "127.0.0.1",
  agentToken: "secret",
  heartbeatIntervalMs: 5000,
  heartbeatTimeoutMs: 60_000,
  stopGraceMs: 30_000,
  killAfterMs: 30_000,
  ackTimeoutMs: 30_000,
  titles: { locale: "en-US", timeZone: "UTC" },
};

/** A real orchestrator on a free port with a data folder of its own, and the clients that a test connects to it. */
export class House implements AsyncDisposable {
  private orchestrator: Orchestrator | undefined;
  private readonly clients = new Set<SocketClient>();

  private constructor(
    private readonly folder: Awaited<ReturnType<typeof temporaryFolder>>,
    private readonly options: OrchestratorOptions,
  ) {}

  static async open(options: OrchestratorOptions = {}): Promise<House> {
    const house = new House(await temporaryFolder(), options);
    await house.start();
    return house;
  }

  get port(): number {
    return this.orchestrator?.port ?? 0;
  }
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }
  get agentUrl(): string {
    return `ws://127.0.0.1:${this.port}/agent`;
  }
  get dataDir(): string {
    return this.options.dataDir ?? this.folder.path;
  }

  async start(options: OrchestratorOptions = {}): Promise<void> {
    this.orchestrator = new Orchestrator({ ...PATIENT, dataDir: this.folder.path, ...this.options, ...options });
    await this.orchestrator.start();
  }

  async stop(): Promise<void> {
    await this.orchestrator?.stop();
    this.orchestrator = undefined;
  }

  async agent(options: SeedAgentOptions = {}): Promise<SeedAgent> {
    return this.keep(await SeedAgent.connect(this.agentUrl, options));
  }

  /** An agent's socket before its hello. */
  async stranger(options: SeedAgentOptions = {}): Promise<SeedAgent> {
    return this.keep(await SeedAgent.dial(this.agentUrl, options));
  }

  async page(query = "", headers: Record<string, string> = {}): Promise<SocketClient> {
    return this.keep(await SocketClient.open(`ws://127.0.0.1:${this.port}/ui${query}`, headers));
  }

  api(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return call(this.url, method, path, body, headers);
  }

  /** Routes that it answers, and who may call them. */
  get routes() {
    return this.orchestrator?.routes ?? [];
  }

  /** Submits a job and demands that it is new. */
  async submit(body: object = {}): Promise<Job> {
    const answer = await this.api("POST", "/v1/jobs", { inlineConfig: { kind: "test" }, ...body });
    if (answer.status !== 201) throw new Error(`The submission was answered with ${answer.status}: ${answer.text}`);
    return answer.body;
  }

  async job(id: string): Promise<Job> {
    return (await this.api("GET", `/v1/jobs/${id}`)).body;
  }

  /** The job, as soon as it has the status. */
  async jobIn(id: string, ...statuses: string[]): Promise<Job> {
    return this.jobWhere(id, (job) => statuses.includes(job.status), statuses.join(" or "));
  }

  async jobWhere(id: string, holds: (job: Job) => boolean | Promise<boolean>, what: string): Promise<Job> {
    let last: Job;
    try {
      return await waitFor(
        async () => {
          last = await this.job(id);
          return (await holds(last)) ? last : undefined;
        },
        { everyMs: 10 },
      );
    } catch {
      throw new Error(`The job never was: ${what}. Last seen: ${JSON.stringify(last)}`);
    }
  }

  // biome-ignore lint/suspicious/noExplicitAny: the record as the wire shows it.
  async agentIn(id: string, state: string): Promise<any> {
    return waitFor(
      async () => {
        const { body } = await this.api("GET", `/v1/agents/${id}`);
        return body.state === state ? body : undefined;
      },
      { everyMs: 10, what: `agent ${id} to be ${state}` },
    );
  }

  /** Types of a job's log entries, in order. */
  async eventsOf(id: string): Promise<{ type: string; message: string; data?: Record<string, unknown> }[]> {
    return (await this.api("GET", `/v1/jobs/${id}/events?limit=1000`)).body.items;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.clients].map((client) => client.cut()));
    await this.stop();
    await this.folder.remove();
  }

  private keep<C extends SocketClient>(client: C): C {
    this.clients.add(client);
    return client;
  }
}

/** One request; the body is sent as JSON unless it is a string, which goes as it is. */
export async function call(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("application/json") === true;
  return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined };
}
