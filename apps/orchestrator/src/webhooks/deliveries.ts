import type { DeliveryReply, Page, WebhookDelivery } from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import type { EventLog } from "@stream-control/service-kit/audit";
import { currentCaller } from "@stream-control/service-kit/http";
import type { Store } from "@stream-control/store";
import type { Tables } from "../store/tables.js";
import { newRow, TEST_TYPE, toDelivery } from "./delivery.js";
import type { DeliveryFilter, DeliveryRows } from "./delivery-rows.js";
import { webhookSubject } from "./hook.js";
import type { Lane } from "./lane.js";
import type { WebhookSettings } from "./settings.js";

export interface DeliveriesDeps {
  /** @throws AppError `NOT_FOUND`. */
  laneOf: (id: string) => Lane;
  settings: Pick<WebhookSettings, "giveUpMs" | "kept">;
  store: Store<Tables>;
  deliveries: DeliveryRows;
  reader: { event(seq: number): Promise<unknown>; fact(seq: number): Promise<unknown> };
  log: EventLog;
  newId: () => string;
  now: () => Date;
}

/** What admins see and do of what is sent: the log of deliveries, replays and tests. */
export class Deliveries {
  private readonly tests = new Map<string, Promise<DeliveryReply>>();

  constructor(private readonly deps: DeliveriesDeps) {}

  /** One page of what was sent and is to be sent, the newest first. @throws AppError `NOT_FOUND`, `INVALID_REQUEST`. */
  async page(filter: DeliveryFilter): Promise<Page<WebhookDelivery>> {
    this.deps.laneOf(filter.webhookId);
    const { items, nextCursor } = await this.deps.deliveries.page(filter);
    return { items: items.map(toDelivery), nextCursor };
  }

  /**
   * Sends something again, with the id that it had.
   *
   * @throws AppError `NOT_FOUND`, `WEBHOOK_DISABLED`, `EVENT_PRUNED`.
   */
  async replay(id: string, deliveryId: string): Promise<DeliveryReply> {
    const { store, deliveries, settings, now, log, reader } = this.deps;
    const lane = this.deps.laneOf(id);
    const row = await deliveries.byId(id, deliveryId);
    if (row === undefined) throw new AppError("NOT_FOUND", `The webhook has no delivery "${deliveryId}".`);
    if (!lane.hook.enabled)
      throw new AppError("WEBHOOK_DISABLED", "The webhook is switched off; switch it on to send something again.");
    const read = row.job_id === null ? reader.fact.bind(reader) : reader.event.bind(reader);
    if (row.event_seq !== null && (await read(row.event_seq)) === undefined)
      throw new AppError("EVENT_PRUNED", "The event is not in the event log any more, so it cannot be sent again.");
    const atMs = now().getTime();
    const changes = {
      ...({ status: "pending", attempts: 0, next_attempt_at: new Date(atMs).toISOString() } as const),
      give_up_at: new Date(atMs + settings.giveUpMs).toISOString(),
    };
    const by = currentCaller();
    await store.write(async (tx) => {
      await deliveries.update(tx, row.seq, changes);
      const message = "A delivery is sent again.";
      await log.append(tx, {
        by,
        subject: webhookSubject(id),
        type: "webhook.replayed",
        message,
        data: { deliveryId },
      });
    });
    lane.backlog = null;
    lane.wake();
    return { ok: true, delivery: toDelivery({ ...row, ...changes }) };
  }

  /** Sends a test at once, also where the webhook is switched off. Whoever asks meanwhile is given the same. */
  test(id: string): Promise<DeliveryReply> {
    const lane = this.deps.laneOf(id);
    const underWay = this.tests.get(id);
    if (underWay !== undefined) return underWay;
    const test = this.tryOut(lane).finally(() => this.tests.delete(id));
    this.tests.set(id, test);
    return test;
  }

  private async tryOut(lane: Lane): Promise<DeliveryReply> {
    const { store, deliveries, newId, now, log, settings } = this.deps;
    const by = currentCaller();
    const webhookId = lane.hook.id;
    const nothing = { eventSeq: null, jobId: null, job: null, giveUpMs: 0 };
    const row = newRow({ id: newId(), webhookId, type: TEST_TYPE, atMs: now().getTime(), ...nothing });
    const attempt = await lane.try(row).catch((thrown: unknown) => {
      throw lane.isStopped ? new AppError("SHUTTING_DOWN", "The test was broken off.", { cause: thrown }) : thrown;
    });
    const tried = {
      ...row,
      ...({ status: attempt.error === null ? "delivered" : "failed", attempts: 1, next_attempt_at: null } as const),
      ...{ last_attempt_at: new Date(attempt.atMs).toISOString(), response_status: attempt.status },
      ...{ duration_ms: attempt.durationMs, error: attempt.error },
    };
    await store.write(async (tx) => {
      await deliveries.insert(tx, [tried]);
      const message = "A test was sent.";
      await log.append(tx, { by, subject: webhookSubject(webhookId), type: "webhook.tested", message });
    });
    await deliveries.prune(webhookId, settings.kept);
    return { ok: attempt.error === null, delivery: toDelivery(tried) };
  }
}
