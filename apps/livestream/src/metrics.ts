import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";

/** What Prometheus is told. */
export class LivestreamMetrics {
  readonly registry = new Registry();
  readonly events = new Counter({
    name: "livestream_events_total",
    help: "Events that this instance has written",
    labelNames: ["type"],
    registers: [this.registry],
  });
  readonly webhooks = new Counter({
    name: "livestream_webhooks_total",
    help: "Webhooks of LiveKit that were taken, by what became of them",
    labelNames: ["event", "outcome"],
    registers: [this.registry],
  });
  readonly livekit = new Counter({
    name: "livestream_livekit_calls_total",
    help: "Calls to LiveKit; failed ones may succeed another time, refused ones will not",
    labelNames: ["method", "outcome"],
    registers: [this.registry],
  });
  readonly slow = new Counter({
    name: "livestream_slow_clients_total",
    help: "Clients that were sent away because they did not keep up",
    registers: [this.registry],
  });
  private readonly clients = new Gauge({
    name: "livestream_clients",
    help: "Clients that follow streams on this instance",
    labelNames: ["transport"],
    registers: [this.registry],
  });
  private readonly livekitAway = new Gauge({
    name: "livestream_livekit_away",
    help: "1 while LiveKit is left alone because it does not answer",
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  text(now: { websocket: number; sse: number; grpc: number; livekitAway: boolean }): Promise<string> {
    for (const transport of ["websocket", "sse", "grpc"] as const) this.clients.set({ transport }, now[transport]);
    this.livekitAway.set(now.livekitAway ? 1 : 0);
    return this.registry.metrics();
  }
}
