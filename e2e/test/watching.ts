import { type ChildProcess, spawn } from "node:child_process";
import { waitFor } from "@stream-control/test-kit";
import WebSocket from "ws";
import type { Room } from "./room.js";

/** A page that watches a job, and what it got. */
export class Watching {
  readonly pieces: Buffer[] = [];
  /** How the socket ended. */
  readonly closed: Promise<{ code: number; reason: string }>;
  size = 0;

  private constructor(readonly socket: WebSocket) {
    socket.on("message", (data, isBinary) => {
      if (!isBinary) throw new Error("A preview is binary frames.");
      this.pieces.push(data as Buffer);
      this.size += (data as Buffer).length;
    });
    socket.on("error", () => undefined);
    this.closed = new Promise((resolve) => {
      socket.once("close", (code, reason) => resolve({ code, reason: String(reason) }));
    });
  }

  /** Opens the socket as a page does, with a ticket. */
  static async open(room: Room, jobId: string, ca?: string): Promise<Watching> {
    const { ticket } = (await (await room.post("/v1/tickets")).json()) as { ticket: string };
    const address = `${room.url.replace(/^http/, "ws")}/preview/${jobId}?ticket=${ticket}`;
    return new Watching(new WebSocket(address, ca === undefined ? {} : { ca }));
  }

  get bytes(): Buffer {
    return Buffer.concat(this.pieces);
  }

  async got(bytes: number): Promise<void> {
    await waitFor(() => this.size >= bytes || undefined, { what: `${bytes} bytes` });
  }

  /** Collects for so many milliseconds from the first byte on. */
  async collect(ms: number): Promise<Buffer> {
    await this.got(1);
    const until = performance.now() + ms;
    await waitFor(() => performance.now() > until || undefined, { everyMs: 20 });
    return this.bytes;
  }

  close(): void {
    this.socket.terminate();
  }
}

/** Decodes what a page gets as it comes: how bright each picture is, and when it was there. */
export class Eyes {
  readonly pictures: { brightness: number; at: number }[] = [];
  private readonly decoder: ChildProcess;

  constructor(watching: Watching) {
    const input = ["-fflags", "nobuffer", "-flags", "low_delay", "-probesize", "32", "-f", "mpegts", "-i", "pipe:0"];
    const output = [
      "-map",
      "0:v",
      "-vf",
      "scale=1:1:flags=area,format=gray",
      "-f",
      "rawvideo",
      "-fps_mode",
      "passthrough",
    ];
    this.decoder = spawn("ffmpeg", ["-v", "quiet", ...input, ...output, "-flush_packets", "1", "pipe:1"], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    this.decoder.stdin?.on("error", () => undefined);
    this.decoder.stdout?.on("data", (chunk: Buffer) => {
      for (const brightness of chunk) this.pictures.push({ brightness, at: performance.now() });
    });
    for (const piece of watching.pieces) this.decoder.stdin?.write(piece);
    watching.socket.on("message", (data) => this.decoder.stdin?.write(data as Buffer));
  }

  close(): void {
    this.decoder.kill("SIGKILL");
  }
}
