import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import {
  type AgentMessage,
  buildMessage,
  CLOSE_CODES,
  type Incoming,
  type OrchestratorMessageType,
  type OrchestratorPayload,
  PROTOCOL_VERSION,
  parseAgentMessage,
} from "@stream-control/protocol";
import { type WebSocket, WebSocketServer } from "ws";

export type AgentMessageIn = Incoming<AgentMessage>;
export type AgentMessageOf<T extends AgentMessage["type"]> = Extract<AgentMessageIn, { type: T }>;

export interface OrchestratorDoubleOptions {
  /** 0 takes a free port. */
  port?: number;
  /** Hellos with another one are refused with 4001; unless given, any will do. */
  token?: string;
  /** Listens on `wss:` with this certificate and its key, PEM. */
  tls?: { cert: string; key: string };
  timings?: Partial<OrchestratorPayload<"orchestrator.hello.ok">>;
  /** Answer every end with `orchestrator.job.settled`, as an orchestrator does once it is on disk. Default true. */
  settle?: boolean;
  /** Leave hellos unanswered. */
  mute?: boolean;
}

/** The lease of an assignment that the double renews. */
interface FencedJob {
  epoch: number;
  leaseMs: number;
}

/** The socket of a preview, its ticket, and what came over it. */
export interface PreviewSocket {
  ticket: string;
  socket: WebSocket;
  frames: { data: Buffer; isBinary: boolean }[];
  closed: Promise<{ code: number; reason: string }>;
}

interface Wait {
  matches(message: AgentMessageIn): boolean;
  resolve(message: AgentMessageIn): void;
}

/**
 * Plays the orchestrator in an agent's tests, on a real WebSocket: takes hellos, keeps every message it gets in order,
 * sends what the test says.
 */
export class OrchestratorDouble {
  /** Every message of every agent, in the order of arrival. */
  readonly received: AgentMessageIn[] = [];
  /** Sockets that previews were opened on. */
  readonly previews: PreviewSocket[] = [];
  refusePreviews = false;
  /** Moments of the connections, on `performance.now()`. */
  readonly connectedAt: number[] = [];
  settle: boolean;
  /** As in the options; a rotation changes it. */
  token: string | undefined;
  /** Answer heartbeats by renewing the leases of the jobs that were assigned with one. */
  renew = true;
  private readonly fenced = new Map<string, FencedJob>();
  private readonly waits = new Set<Wait>();
  private readonly sockets = new Map<WebSocket, string | undefined>();

  private constructor(
    private readonly http: Server,
    private readonly server: WebSocketServer,
    private readonly options: OrchestratorDoubleOptions,
  ) {
    this.settle = options.settle ?? true;
    this.token = options.token;
    http.on("upgrade", (request, stream, head) => {
      const { pathname, searchParams } = new URL(request.url ?? "", "http://localhost");
      const isKnown = pathname === "/agent" || (pathname === "/agent/preview" && !this.refusePreviews);
      if (!isKnown) stream.destroy();
      else
        server.handleUpgrade(request, stream, head, (socket) => {
          if (pathname === "/agent") this.connected(socket);
          else this.previews.push(previewSocket(searchParams.get("ticket") ?? "", socket));
        });
    });
  }

  static async listen(options: OrchestratorDoubleOptions = {}): Promise<OrchestratorDouble> {
    const http = options.tls === undefined ? createServer() : createTlsServer(options.tls);
    const double = new OrchestratorDouble(http, new WebSocketServer({ noServer: true }), options);
    http.listen(options.port ?? 0, "127.0.0.1");
    await once(http, "listening");
    return double;
  }

  get port(): number {
    const address = this.http.address();
    if (address === null || typeof address === "string") throw new Error("The server does not listen.");
    return address.port;
  }

  get url(): string {
    return `${this.options.tls === undefined ? "ws" : "wss"}://127.0.0.1:${this.port}/agent`;
  }

  /** Sends a message to every agent that has said hello, or to one of them; returns its `msgId`. */
  send<T extends OrchestratorMessageType>(type: T, payload: OrchestratorPayload<T>, agentId?: string): string {
    const message = buildMessage(type, payload as Parameters<typeof buildMessage<T>>[1]);
    this.sendRaw(JSON.stringify(message), agentId);
    return message.msgId;
  }

  sendRaw(text: string | Buffer, agentId?: string): void {
    for (const [socket, id] of this.sockets) if (id !== undefined && (agentId ?? id) === id) socket.send(text);
  }

  assign(jobId: string, fields: Partial<OrchestratorPayload<"orchestrator.assign.start">> = {}): string {
    const { leaseMs, epoch = 1 } = fields;
    if (leaseMs !== undefined) this.fenced.set(jobId, { epoch, leaseMs });
    return this.send("orchestrator.assign.start", {
      jobId,
      idempotencyKey: null,
      config: {},
      expiresAt: new Date(Date.now() + 30_000).toISOString(),
      metadata: {},
      epoch: 1,
      ...fields,
    });
  }

  /**
   * The first message of that type that fits, among those received since number `since` or still to come.
   *
   * @throws Error when the deadline passes, with what did come.
   */
  async next<T extends AgentMessageIn["type"]>(
    type: T,
    fits: (payload: AgentMessageOf<T>["payload"]) => boolean = () => true,
    { since = 0, timeoutMs = 15_000 }: { since?: number; timeoutMs?: number } = {},
  ): Promise<AgentMessageOf<T>> {
    const matches = (message: AgentMessageIn): message is AgentMessageOf<T> =>
      message.type === type && fits(message.payload as AgentMessageOf<T>["payload"]);
    const there = this.received.slice(since).find(matches);
    if (there !== undefined) return there as AgentMessageOf<T>;
    const { promise, resolve, reject } = Promise.withResolvers<AgentMessageIn>();
    const wait: Wait = { matches, resolve };
    this.waits.add(wait);
    const timer = setTimeout(() => {
      const tail = this.received.slice(since).slice(-10);
      reject(new Error(`No ${type} came within ${timeoutMs} ms; the last messages: ${JSON.stringify(tail)}`));
    }, timeoutMs);
    try {
      return (await promise) as AgentMessageOf<T>;
    } finally {
      clearTimeout(timer);
      this.waits.delete(wait);
    }
  }

  /** Cuts every connection, as a crash does. */
  dropAll(): void {
    for (const socket of this.sockets.keys()) socket.terminate();
  }

  closeAll(code: number, reason = ""): void {
    for (const socket of this.sockets.keys()) socket.close(code, reason);
  }

  async close(): Promise<void> {
    this.dropAll();
    for (const { socket } of this.previews) socket.terminate();
    const closed = Promise.withResolvers<void>();
    this.server.close();
    this.http.close(() => closed.resolve());
    this.http.closeAllConnections();
    await closed.promise;
  }

  private connected(socket: WebSocket): void {
    this.connectedAt.push(performance.now());
    this.sockets.set(socket, undefined);
    socket.on("message", (data) => this.read(socket, data.toString()));
    socket.on("error", () => socket.terminate());
    socket.on("close", () => this.sockets.delete(socket));
  }

  private read(socket: WebSocket, text: string): void {
    const parsed = parseAgentMessage(text);
    if (!parsed.ok) throw new Error(`The agent sent a bad message: ${parsed.problem.message}`);
    const { message } = parsed;
    if (message.type === "agent.hello") this.greet(socket, message);
    if (message.type === "agent.heartbeat" && this.renew) this.renewLeases(socket, message.msgId);
    if (message.type === "agent.job.stopped") this.fenced.delete(message.payload.jobId);
    if (message.type === "agent.job.stopped" && this.settle) {
      const { jobId, epoch, status } = message.payload;
      socket.send(JSON.stringify(buildMessage("orchestrator.job.settled", { jobId, epoch, status })));
    }
    this.received.push(message);
    for (const wait of this.waits) if (wait.matches(message)) wait.resolve(message);
  }

  private renewLeases(socket: WebSocket, msgId: string | undefined): void {
    const byLength = Map.groupBy(this.fenced, ([, { leaseMs }]) => leaseMs);
    for (const [leaseMs, jobs] of byLength) {
      const payload = { leaseMs, jobs: jobs.map(([jobId, { epoch }]) => ({ jobId, epoch })) };
      const extra = msgId === undefined ? {} : { correlationId: msgId };
      socket.send(JSON.stringify(buildMessage("orchestrator.lease.renewed", payload, extra)));
    }
  }

  private greet(socket: WebSocket, { payload }: AgentMessageOf<"agent.hello">): void {
    if (this.options.mute === true) return;
    if (this.token !== undefined && payload.auth.token !== this.token) {
      socket.close(CLOSE_CODES.unauthorized, "wrong token");
      return;
    }
    for (const [other, id] of this.sockets)
      if (other !== socket && id === payload.agentId) {
        this.sockets.set(other, undefined);
        other.close(CLOSE_CODES.replaced, "replaced");
      }
    this.sockets.set(socket, payload.agentId);
    const timings = {
      heartbeatIntervalMs: 3000,
      heartbeatTimeoutMs: 10_000,
      stopGraceMs: 10_000,
      killAfterMs: 5000,
      protocolVersion: PROTOCOL_VERSION,
      ...this.options.timings,
    };
    socket.send(JSON.stringify(buildMessage("orchestrator.hello.ok", timings)));
  }
}

function previewSocket(ticket: string, socket: WebSocket): PreviewSocket {
  const frames: PreviewSocket["frames"] = [];
  socket.on("message", (data, isBinary) => frames.push({ data: data as Buffer, isBinary }));
  socket.on("error", () => socket.terminate());
  const { promise: closed, resolve } = Promise.withResolvers<{ code: number; reason: string }>();
  socket.once("close", (code, reason) => resolve({ code, reason: String(reason) }));
  return { ticket, socket, frames, closed };
}
