import { once } from "node:events";
import { buildMessage } from "@stream-control/protocol";
import WebSocket from "ws";

export interface FleetOptions {
  port: number;
  agents: number;
  slots: number;
  /** Called the moment an assignment arrives, with its idempotency key. */
  onAssigned?: (idempotencyKey: string) => void;
}

/** Light agents on real sockets: they take every job, report it running and finish it at once. */
export class Fleet {
  private readonly sockets: WebSocket[] = [];
  private readonly heartbeats: NodeJS.Timeout[] = [];
  finished = 0;

  constructor(private readonly options: FleetOptions) {}

  /** Connects all agents, a few at a time. */
  async connect(): Promise<void> {
    const { agents } = this.options;
    for (let from = 0; from < agents; from += 100)
      await Promise.all(Array.from({ length: Math.min(100, agents - from) }, (_, index) => this.join(from + index)));
  }

  async close(): Promise<void> {
    for (const timer of this.heartbeats) clearInterval(timer);
    await Promise.all(
      this.sockets.map(async (socket) => {
        if (socket.readyState === WebSocket.CLOSED) return;
        const closed = once(socket, "close");
        socket.close();
        await closed;
      }),
    );
  }

  private async join(number: number): Promise<void> {
    const socket = new WebSocket(`ws://127.0.0.1:${this.options.port}/agent`, { perMessageDeflate: false });
    this.sockets.push(socket);
    await once(socket, "open");
    const send = (type: string, payload: object, extra: object = {}) =>
      socket.send(JSON.stringify({ type, ...extra, payload }));
    const ready = Promise.withResolvers<void>();
    socket.on("message", (data: Buffer) => {
      const { type, msgId, payload } = JSON.parse(data.toString()) as {
        type: string;
        msgId: string;
        payload: { jobId: string; epoch: number; idempotencyKey: string; heartbeatIntervalMs: number };
      };
      if (type === "orchestrator.hello.ok") {
        // Spread over the interval, as agents that started at different times are.
        setTimeout(() => {
          this.heartbeats.push(setInterval(() => send("agent.heartbeat", {}), payload.heartbeatIntervalMs));
        }, Math.random() * payload.heartbeatIntervalMs);
        ready.resolve();
      }
      if (type !== "orchestrator.assign.start") return;
      const { jobId, epoch, idempotencyKey } = payload;
      this.options.onAssigned?.(idempotencyKey);
      send("agent.assign.ack", { jobId, epoch, accepted: true }, { correlationId: msgId });
      send("agent.job.update", { jobId, epoch, status: "RUNNING" });
      send("agent.job.stopped", { jobId, epoch, status: "STOPPED" });
      this.finished += 1;
    });
    socket.send(
      JSON.stringify(
        buildMessage("agent.hello", {
          agentId: `bench-${number}`,
          name: `Bench ${number}`,
          version: "1.0.0",
          capabilities: { slots: this.options.slots },
          activeJobs: [],
          protocolVersion: 1,
          auth: { token: "dev-shared-token" },
        }),
      ),
    );
    await ready.promise;
  }
}
