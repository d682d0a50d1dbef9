import { readFile } from "node:fs/promises";
import { ffmpeg, temporaryFolder, waitFor } from "@stream-control/test-kit";
import { WebSocket } from "ws";
import type { House } from "./house.js";
import type { SeedAgent } from "./seed-agent.js";

/** A socket that carries a stream, at either end of it. */
export class StreamSocket implements AsyncDisposable {
  private readonly pieces: Buffer[] = [];
  size = 0;
  readonly closed: Promise<{ code: number; reason: string }>;

  private constructor(readonly socket: WebSocket) {
    socket.on("message", (data) => {
      this.pieces.push(data as Buffer);
      this.size += (data as Buffer).length;
    });
    socket.on("error", () => undefined);
    this.closed = new Promise((resolve) => {
      socket.once("close", (code, reason) => resolve({ code, reason: String(reason) }));
    });
  }

  /** Rejects with the HTTP status where the handshake is refused. */
  static async open(url: string, headers: Record<string, string> = {}): Promise<StreamSocket> {
    const opened = new StreamSocket(new WebSocket(url, { headers }));
    const { socket } = opened;
    await new Promise<void>((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", reject);
      socket.once("unexpected-response", (_request, response) => {
        reject(new Error(`The handshake was answered with ${response.statusCode}.`));
        socket.terminate();
      });
    });
    return opened;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.pieces);
  }

  async got(bytes: number): Promise<Buffer> {
    await waitFor(() => this.size >= bytes || undefined, { everyMs: 2, what: `${bytes} bytes` });
    return this.bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.terminate();
    if (this.socket.readyState !== this.socket.CLOSED) await this.closed;
  }
}

/** A page that watches a job. */
export const watch = (house: House, jobId: string, query = "", headers: Record<string, string> = {}) =>
  StreamSocket.open(`ws://127.0.0.1:${house.port}/preview/${jobId}${query}`, headers);

/** What an agent does when it is asked for a preview: it opens the socket, and says that it did. */
export async function answerPreview(house: House, agent: SeedAgent, since = 0): Promise<StreamSocket> {
  const { payload } = await agent.next("orchestrator.job.preview", undefined, { since });
  const socket = await StreamSocket.open(`${house.agentUrl}/preview?ticket=${payload.ticket}`);
  agent.send("agent.job.command.ack", { jobId: payload.jobId, commandId: payload.commandId, success: true });
  return socket;
}

/** H.264 and AAC with a keyframe twice a second, as an encoder writes them. */
export async function someStream(seconds = 4, picture = "testsrc=s=320x180:r=20", kbps = 400): Promise<Buffer> {
  const folder = await temporaryFolder();
  try {
    const inputs = [picture, "sine"].flatMap((input) => ["-f", "lavfi", "-i", input]);
    const size = ["-t", String(seconds), "-b:v", `${kbps}k`];
    const encode = [...size, "-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-c:a", "aac"];
    await ffmpeg([...inputs, ...encode, "-pix_fmt", "yuv420p", folder.file("a.ts")]);
    return await readFile(folder.file("a.ts"));
  } finally {
    await folder.remove();
  }
}

/** Sends a stream in pieces that end anywhere. */
export function send(socket: StreamSocket, stream: Buffer, piece = 10_007): void {
  for (let at = 0; at < stream.length; at += piece) socket.socket.send(stream.subarray(at, at + piece));
}
