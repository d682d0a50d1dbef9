import { MemoryBus } from "@stream-control/bus";
import { type TemporaryFolder, temporaryFolder, waitFor } from "@stream-control/test-kit";
import { WebSocket } from "ws";
import { Scenes, type ScenesOptions } from "../src/index.js";

// biome-ignore lint/suspicious/noExplicitAny: answers are looked into field by field, and a wrong one fails the test.
export type Json = any;

/** The service of one test, and what is asked of it. */
export class House implements AsyncDisposable {
  readonly bus = new MemoryBus();
  private constructor(
    readonly scenes: Scenes,
    readonly folder: TemporaryFolder,
  ) {}

  static async open(options: ScenesOptions = {}): Promise<House> {
    const folder = await temporaryFolder("sc-scenes-");
    const scenes = new Scenes({ port: 0, host: "127.0.0.1", dataDir: folder.path, ...options });
    await scenes.start();
    return new House(scenes, folder);
  }

  get url(): string {
    return `http://127.0.0.1:${this.scenes.port}`;
  }

  call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return callService(this.url, method, path, body, headers);
  }

  async make(body: unknown): Promise<string> {
    const { status, json } = await this.call("POST", "/streams", body);
    if (status !== 201) throw new Error(`No stream was made: ${JSON.stringify(json)}`);
    return json.stream_id;
  }

  follow(streamId: string, query = "", headers: Record<string, string> = {}): Promise<Follower> {
    return Follower.open(`${this.url.replace("http", "ws")}/streams/${streamId}/ws${query}`, headers);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scenes.stop();
    await this.folder.remove();
  }
}

export interface Answer {
  status: number;
  json: Json;
}

export async function callService(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(url + path, {
    method,
    headers: { ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, json: text === "" ? undefined : JSON.parse(text) };
}

/** A client on a socket, with everything that it got. */
export class Follower {
  readonly got: Json[] = [];
  readonly raw: Buffer[] = [];
  readonly gotAtMs: number[] = [];
  closed: { code: number; reason: string } | undefined;
  private constructor(readonly socket: WebSocket) {
    socket.on("message", (data: Buffer, isBinary) => {
      this.gotAtMs.push(Date.now());
      if (isBinary) this.raw.push(data);
      else this.got.push(JSON.parse(String(data)));
    });
    socket.on("close", (code, reason) => {
      this.closed = { code, reason: String(reason) };
    });
  }

  static async open(url: string, headers: Record<string, string> = {}): Promise<Follower> {
    const socket = new WebSocket(url, { headers });
    const follower = new Follower(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", reject);
      socket.once("unexpected-response", (_request, response) => {
        response.resume();
        reject(new Error(`refused with ${response.statusCode}`));
      });
    });
    return follower;
  }

  /** Waits for a message, of those that have come too. */
  next(wanted: (message: Json) => boolean, what = "a message"): Promise<Json> {
    return waitFor(() => this.got.find(wanted), { what });
  }

  async close(): Promise<void> {
    this.socket.close();
    await waitFor(() => this.closed !== undefined);
  }
}
