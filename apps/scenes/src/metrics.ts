import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** Numbers of the service, in the text format of Prometheus. */
export class ScenesMetrics {
  readonly registry = new Registry();
  readonly timelines = this.gauge("scenes_timelines", "Timelines that this instance owns.");
  readonly subscribers = this.gauge("scenes_subscribers", "Subscribers of the timelines that this instance owns.");
  readonly sockets = this.gauge("scenes_sockets", "WebSockets that are open at this instance.");
  readonly mayAct = this.gauge("scenes_lease_held", "1 while this instance may act for its timelines.");
  readonly updates = this.counter("scenes_updates_total", "State updates that were published.");
  readonly staleSubscribers = this.counter(
    "scenes_stale_subscribers_total",
    "Subscribers that were dropped for their silence.",
  );
  readonly skipped = this.counter(
    "scenes_socket_updates_skipped_total",
    "Ticks that were left out for sockets that do not read.",
  );
  readonly cut = this.counter("scenes_sockets_cut_total", "Sockets that were closed because they did not read.");
  readonly takeovers = this.counter("scenes_takeovers_total", "Timelines that were taken over from another instance.");
  readonly commands = new Counter({
    ...{ name: "scenes_commands_total", help: "Commands by what they were and what came of them." },
    ...{ labelNames: ["command", "result"] as const, registers: [this.registry] },
  });
  readonly jitter = new Histogram({
    ...{ name: "scenes_tick_jitter_seconds", help: "How much later than planned ticks came." },
    ...{ buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1], registers: [this.registry] },
  });

  /** The text that Prometheus reads. */
  async text(counted: { timelines: number; subscribers: number; mayAct: boolean }): Promise<string> {
    this.timelines.set(counted.timelines);
    this.subscribers.set(counted.subscribers);
    this.mayAct.set(counted.mayAct ? 1 : 0);
    return this.registry.metrics();
  }

  private gauge(name: string, help: string): Gauge {
    return new Gauge({ name, help, registers: [this.registry] });
  }

  private counter(name: string, help: string): Counter {
    return new Counter({ name, help, registers: [this.registry] });
  }
}
