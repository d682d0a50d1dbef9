import { setTimeout as delay } from "node:timers/promises";
import type { JobRecord } from "@stream-control/protocol";
import type { Errand, LightConfig, SwitchCommand } from "../plan/work.js";
import { pointedAt } from "../random.js";
import { type Api, RefusedError } from "./api.js";

/** A job as its customer knows it. */
export interface Order {
  key: string;
  kind: "stream" | "light";
  /** The stream's path at the RTMP server; a light job has none. */
  streamPath: string | undefined;
  /** It ends by itself. */
  finite: boolean;
  restart: boolean;
  /** Set once the orchestrator has acknowledged the job. */
  jobId: string | undefined;
  /** When a stop was first asked for, and when one was acknowledged, in Unix milliseconds. */
  stopAskedAt: number | undefined;
  stopAcknowledgedAt: number | undefined;
}

const RETRY_MS = 200;
/** Small enough that several run beside each other on two cores. */
const VIDEO = { width: 160, height: 90, fps: 10, bitrateKbps: 100, preset: "ultrafast", gopSeconds: 1 };

/**
 * Submits, stops and switches jobs and drains agents, as clients do that must get through: a request without an answer is repeated, with the
 * same idempotency key. What was acknowledged is what must hold in the end.
 */
export class Customers {
  readonly orders: Order[] = [];
  private readonly pending = new Set<Promise<void>>();
  private readonly failures: unknown[] = [];
  private closed = false;

  constructor(
    private readonly api: Api,
    private readonly urlOf: (stream: string) => string,
    /** Ids of the agents that an operator may drain. */
    private readonly drainable: readonly string[],
  ) {}

  /** Sets out on an errand; it may take until the orchestrator is back. */
  run(errand: Errand): void {
    this.track(this.perform(errand));
  }

  /** Every agent takes jobs again. */
  endDrains(): void {
    for (const agentId of this.drainable) this.track(this.drain(agentId, false));
  }

  /** Waits until every errand is done. @throws where one can't be done in that time. */
  async settled(deadlineMs: number): Promise<void> {
    const timer = setTimeout(() => {
      this.closed = true;
    }, deadlineMs);
    await Promise.all(this.pending);
    clearTimeout(timer);
    if (this.failures.length > 0) throw this.failures[0];
    if (this.closed) throw new Error("Requests were not answered although everything had been healed.");
  }

  /** Asks for the end of everything that still runs. */
  stopAll(): void {
    for (const order of this.orders)
      if (order.jobId !== undefined && order.stopAskedAt === undefined) this.track(this.stop(order));
  }

  private track(work: Promise<void>): void {
    const done = work
      .catch((thrown: unknown) => {
        this.failures.push(thrown);
      })
      .finally(() => this.pending.delete(done));
    this.pending.add(done);
  }

  private async perform(errand: Errand): Promise<void> {
    switch (errand.do) {
      case "submit-light":
        return this.submitLight(errand.config);
      case "submit-stream":
        return this.submitStream(errand.restart, errand.continues);
      case "stop-light":
      case "stop-stream": {
        const order = this.one(errand.do === "stop-light" ? "light" : "stream", errand.which);
        return order === undefined ? undefined : this.stop(order);
      }
      case "switch-stream": {
        const order = this.one("stream", errand.which);
        return order === undefined ? undefined : this.switch(order, errand.command);
      }
      case "drain":
        return this.drain(pointedAt(this.drainable, errand.which), errand.drain);
    }
  }

  /** One of the jobs that go on until somebody stops them. */
  private one(kind: Order["kind"], which: number): Order | undefined {
    const open = this.orders.filter(
      (order) => order.kind === kind && !order.finite && order.jobId !== undefined && order.stopAskedAt === undefined,
    );
    return pointedAt(open, which);
  }

  private submitLight(config: LightConfig): Promise<void> {
    const finite = config.standIn.runMs !== null;
    return this.submit({ kind: "light", streamPath: undefined, finite, restart: true }, { inlineConfig: config });
  }

  private submitStream(restart: boolean, continues: boolean): Promise<void> {
    const name = `s${this.orders.length}`;
    return this.submit(
      { kind: "stream", streamPath: `/live/${name}`, finite: false, restart },
      {
        inlineConfig: {
          source: { type: "test" },
          destinations: [{ type: "rtmp", url: this.urlOf(name) }],
          video: VIDEO,
        },
        onDisconnect: continues ? "continue" : "fence",
      },
    );
  }

  private async submit(about: Pick<Order, "kind" | "streamPath" | "finite" | "restart">, body: object): Promise<void> {
    const order: Order = {
      ...about,
      key: `order-${this.orders.length}`,
      ...{ jobId: undefined, stopAskedAt: undefined, stopAcknowledgedAt: undefined },
    };
    this.orders.push(order);
    const restartPolicy = order.restart ? "onFailure" : "never";
    await this.insist(async () => {
      const job = await this.api.post<JobRecord>("/v1/jobs", { ...body, restartPolicy, idempotencyKey: order.key });
      order.jobId = job.id;
    });
  }

  private async stop(order: Order): Promise<void> {
    order.stopAskedAt = Date.now();
    await this.insist(async () => {
      await this.api.post(`/v1/jobs/${order.jobId}/stop`);
      order.stopAcknowledgedAt = Date.now();
    });
  }

  /** Nobody insists on this one: an agent that is away answers 409. */
  private async switch({ jobId }: Order, command: SwitchCommand): Promise<void> {
    await this.api.post(`/v1/jobs/${jobId}/${command}`).catch(() => undefined);
  }

  private async drain(agentId: string | undefined, drain: boolean): Promise<void> {
    await this.insist(async () => {
      if (agentId !== undefined) await this.api.post(`/v1/agents/${agentId}/drain`, { drain, migrate: drain });
    });
  }

  private async insist(request: () => Promise<void>): Promise<void> {
    while (!this.closed) {
      try {
        await request();
        return;
      } catch (thrown) {
        if (thrown instanceof RefusedError && thrown.status < 500) throw thrown;
        await delay(RETRY_MS);
      }
    }
  }
}
