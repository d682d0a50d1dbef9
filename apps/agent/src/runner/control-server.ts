import { rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import type { Writable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { type JobCommand, type RunnerEvent, runnerCommandSchema } from "./contract.js";

/** Longer lines are no commands. */
const MAX_LINE = 64 * 1024;
/** A client that does not read is let go before it costs memory. */
const MAX_UNREAD_BYTES = 1024 * 1024;
/** Milliseconds that the last words may take. */
const CLOSE_MS = 1000;

/** What the server needs from the job. */
export interface ControlHandlers {
  hello: () => Extract<RunnerEvent, { type: "hello" }>;
  /** Rejects, or resolves when the command has taken effect. */
  command: (command: JobCommand) => Promise<void>;
  /** Writes what goes out to a client until it closes. */
  stream: (client: Writable) => void;
  /** The error of a command that rejected, as the client may see it. */
  describe: (thrown: unknown) => { code: string; message: string };
}

/** Serves newline-delimited JSON on the runner's Unix socket to any number of clients, and the stream to those that ask for it. */
export class ControlServer {
  private readonly server: Server;
  private readonly clients = new Set<Socket>();
  private readonly watchers = new Set<Socket>();

  constructor(private readonly handlers: ControlHandlers) {
    this.server = createServer((socket) => this.serve(socket));
  }

  /** @throws when the socket can't be made. */
  listen(path: string): Promise<void> {
    // Left by a runner that was killed.
    rmSync(path, { force: true });
    return new Promise((resolve, reject) => {
      this.server.once("error", reject);
      this.server.listen(path, () => {
        this.server.off("error", reject);
        this.server.on("error", () => {});
        resolve();
      });
    });
  }

  broadcast(event: RunnerEvent): void {
    const line = `${JSON.stringify(event)}\n`;
    for (const client of this.clients) send(client, line);
  }

  /** Lets every client read the rest, then removes the socket. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.server.close(() => resolve());
    });
    for (const client of this.clients) client.end();
    for (const watcher of this.watchers) watcher.destroySoon();
    const timer = setTimeout(() => {
      for (const client of [...this.clients, ...this.watchers]) client.destroy();
    }, CLOSE_MS);
    await closed;
    clearTimeout(timer);
  }

  private serve(socket: Socket): void {
    this.clients.add(socket);
    socket.on("close", () => {
      this.clients.delete(socket);
      this.watchers.delete(socket);
    });
    socket.on("error", () => {});
    const decoder = new StringDecoder("utf8");
    let rest = "";
    socket.on("data", (chunk) => {
      const lines = (rest + decoder.write(chunk)).split("\n");
      rest = lines.pop() ?? "";
      if (rest.length > MAX_LINE) socket.destroy();
      for (const line of lines) if (line.trim() !== "" && this.clients.has(socket)) void this.obey(socket, line);
    });
    send(socket, `${JSON.stringify(this.handlers.hello())}\n`);
  }

  /** Never rejects. */
  private async obey(socket: Socket, line: string): Promise<void> {
    const reply = (event: Extract<RunnerEvent, { type: "reply" }>) => send(socket, `${JSON.stringify(event)}\n`);
    const parsed = runnerCommandSchema.safeParse(parseJson(line));
    if (!parsed.success) {
      const id = idOf(line);
      const message = "The runner does not know this command.";
      reply({ type: "reply", id, ok: false, error: { code: "INVALID_REQUEST", message } });
      return;
    }
    const { id } = parsed.data;
    if (parsed.data.type === "stream") {
      reply({ type: "reply", id, ok: true });
      this.clients.delete(socket);
      this.watchers.add(socket);
      this.handlers.stream(socket);
      return;
    }
    try {
      await this.handlers.command(parsed.data);
      reply({ type: "reply", id, ok: true });
    } catch (thrown) {
      reply({ type: "reply", id, ok: false, error: this.handlers.describe(thrown) });
    }
  }
}

function send(client: Socket, line: string): void {
  if (client.destroyed || client.writableEnded) return;
  if (client.writableLength > MAX_UNREAD_BYTES) client.destroy();
  else client.write(line);
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function idOf(line: string): string {
  const value = parseJson(line);
  return typeof value === "object" && value !== null && "id" in value ? String(value.id).slice(0, 128) : "";
}
