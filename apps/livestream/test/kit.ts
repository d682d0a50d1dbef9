import { once } from "node:events";
import { FakeLiveKit, type TemporaryFolder, temporaryFolder, waitFor } from "@stream-control/test-kit";
import { WebSocket } from "ws";
import { Livestream, type LivestreamOptions } from "../src/index.js";

export interface StreamJson {
  id: string;
  roomName: string;
  status: string;
  createdAt: string;
  updatedAt: string;
  stoppedAt?: string;
  participants: { id: string; identity: string; joinedAt: string; leftAt?: string; metadata?: object }[];
  metadata?: object;
  version: number;
  lastEvent: number;
}

export interface EventJson {
  type: string;
  streamId: string;
  number: number;
  timestamp: string;
  data: StreamJson & { participant?: StreamJson["participants"][number]; stream?: StreamJson };
}

/** What a request got. */
export interface Got<T> {
  status: number;
  body: T;
  headers: Headers;
}

/** A service with a LiveKit of its own. */
export class House implements AsyncDisposable {
  private constructor(
    readonly livekit: FakeLiveKit,
    readonly services: Livestream[],
    private readonly folder: TemporaryFolder,
  ) {}

  static async start(options: Partial<LivestreamOptions> = {}, instances = 1): Promise<House> {
    const livekit = await FakeLiveKit.start();
    const folder = await temporaryFolder("sc-live-");
    const { url, apiKey, apiSecret } = livekit;
    const services: Livestream[] = [];
    for (let n = 0; n < instances; n++) {
      const service = new Livestream({
        livekit: { url, apiKey, apiSecret },
        ...{ port: 0, grpcPort: 0, host: "127.0.0.1", dataDir: folder.path, livekitTimeoutMs: 500 },
        // A test that wants a comparison asks for it.
        ...{ reconcileEveryMs: 3_600_000 },
        ...options,
      });
      await service.start();
      services.push(service);
    }
    return new House(livekit, services, folder);
  }

  url(n = 0): string {
    return `http://127.0.0.1:${this.services[n]?.port}`;
  }

  async ask<T = StreamJson>(
    method: string,
    path: string,
    body?: unknown,
    { n = 0, headers = {} }: { n?: number; headers?: Record<string, string> } = {},
  ): Promise<Got<T>> {
    const response = await fetch(this.url(n) + path, {
      method,
      headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text), headers: response.headers };
  }

  async create(body: object = {}, n = 0): Promise<StreamJson> {
    const { status, body: stream } = await this.ask("POST", "/streams", body, { n });
    if (status !== 201) throw new Error(`A stream was answered with ${status}: ${JSON.stringify(stream)}`);
    return stream;
  }

  /** Sends what LiveKit has to tell. */
  hear(n = 0): Promise<void> {
    return this.livekit.flush(`${this.url(n)}/webhooks/livekit`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.services.map((service) => service.stop()));
    await this.livekit.stop();
    await this.folder.remove();
  }
}

/** A WebSocket that keeps what it gets. */
export class Listener {
  readonly got: { type: string; [key: string]: unknown }[] = [];
  private constructor(readonly socket: WebSocket) {
    socket.on("message", (data) => this.got.push(JSON.parse(String(data))));
  }

  static async open(url: string): Promise<Listener> {
    const socket = new WebSocket(url.replace("http", "ws"));
    const listener = new Listener(socket);
    await once(socket, "open");
    return listener;
  }

  say(message: object | string): void {
    this.socket.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  of(...types: string[]) {
    return this.got.filter(({ type }) => types.includes(type));
  }

  get events(): EventJson[] {
    return this.got.filter(({ number, data }) => number !== undefined && data !== undefined) as unknown as EventJson[];
  }

  async subscribe(streamId: string, since?: number): Promise<void> {
    const before = this.of("subscribed", "error").length;
    this.say({ type: "subscribe", streamId, ...(since === undefined ? {} : { since }) });
    await waitFor(() => this.of("subscribed", "error").length > before);
  }

  close(): void {
    this.socket.terminate();
  }
}

/** Whether what was told of a stream is whole: numbered without gaps, nobody joins twice or leaves without having joined. */
export function problemsOf(events: readonly EventJson[]): string[] {
  const problems: string[] = [];
  const present = new Set<string>();
  for (const [index, { number, type, data }] of events.entries()) {
    if (number !== index + (events[0]?.number ?? 1)) problems.push(`event ${index} has number ${number}`);
    const identity = data.participant?.identity ?? "";
    if (type === "participant_joined" && !present.add(identity)) problems.push("never");
    if (type === "participant_left" && !present.delete(identity))
      problems.push(`${identity} left without having joined`);
    if (type === "stream_stopped" && present.size > 0) problems.push(`${[...present]} never left`);
  }
  return problems;
}
