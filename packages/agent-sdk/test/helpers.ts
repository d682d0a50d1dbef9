import { once } from "node:events";
import { createServer, connect as netConnect, type Socket } from "node:net";
import type { AgentHandlers, AgentLogger, AgentOptions, Assignment } from "../src/index.js";
import { AgentClient, accept } from "../src/index.js";

/** Pauses short enough for a test. */
export const FAST = { spreadMs: 40, baseMs: 20, maxMs: 100, refusedMs: 400, recheckMs: 20, stableMs: 10_000 };

export class LogLines implements AgentLogger {
  readonly lines: { level: string; message: string; fields: object }[] = [];
  debug = (fields: object, message: string) => this.lines.push({ level: "debug", message, fields });
  info = (fields: object, message: string) => this.lines.push({ level: "info", message, fields });
  warn = (fields: object, message: string) => this.lines.push({ level: "warn", message, fields });
  error = (fields: object, message: string) => this.lines.push({ level: "error", message, fields });
  has = (part: string) => this.lines.some(({ message }) => message.includes(part));
}

/** An agent that takes every job and keeps what it was told. */
export function recordingAgent(
  url: string,
  { handlers, ...options }: Partial<Omit<AgentOptions, "handlers">> & { handlers?: Partial<AgentHandlers> } = {},
) {
  const assigned: Assignment[] = [];
  const client: AgentClient = new AgentClient({
    url,
    token: "secret",
    agentId: "agent-1",
    name: "Test agent",
    version: "1.0.0",
    capabilities: { slots: 2 },
    reconnect: FAST,
    handlers: {
      onAssign: (assignment) => {
        assigned.push(assignment);
        return accept();
      },
      onStop: ({ jobId }) => client.stopped(jobId, "STOPPED"),
      ...handlers,
    },
    ...options,
  });
  return { client, assigned };
}

/** Polls a condition until it holds. */
export async function until(holds: () => boolean, what: string, timeoutMs = 15_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`Never came true: ${what}`);
    const { promise, resolve } = Promise.withResolvers<void>();
    setTimeout(resolve, 5);
    await promise;
  }
}

/** A TCP proxy that can swallow everything while its connections stay open, as a dead network path does. */
export async function blackHoleProxy(targetPort: number) {
  const sockets = new Set<Socket>();
  let swallow = false;
  const relay = (from: Socket, to: Socket) => {
    sockets.add(from);
    from.on("data", (data) => {
      if (!swallow) to.write(data);
    });
    from.on("close", () => to.destroy());
    from.on("error", () => to.destroy());
  };
  const server = createServer((client) => {
    const upstream = netConnect(targetPort, "127.0.0.1");
    relay(client, upstream);
    relay(upstream, client);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The proxy does not listen.");
  return {
    port: address.port,
    swallow(on: boolean) {
      swallow = on;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
