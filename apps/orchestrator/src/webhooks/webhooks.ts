import {
  type CreateWebhook,
  type DeliveryReply,
  EVERY_ROOM,
  type Page,
  type SavedWebhook,
  type UpdateWebhook,
  type Webhook,
  type WebhookDelivery,
} from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import { currentCaller } from "@stream-control/service-kit/http";
import { type AddressRules, checkAddress } from "./address.js";
import { newRow, TEST_TYPE, toDelivery } from "./delivery.js";
import type { DeliveryFilter } from "./delivery-rows.js";
import { type Hook, toWebhook } from "./hook.js";
import { Lane, type LaneDeps } from "./lane.js";
import { newSecret } from "./signature.js";

/** Bounds what webhooks can cost: each has a connection of its own. */
const MOST = { ofRoom: 20, inAll: 200 } as const;
/** Secrets that sign at once. */
const MOST_SECRETS = 5;

export interface WebhooksDeps extends LaneDeps {
  address: AddressRules;
  newId: () => string;
  /** There may be something to take up for a webhook. */
  onChange: () => void;
  reader: { event(seq: number): Promise<unknown> };
}

/** The webhooks that there are, and what admins do with them. They are few, and held in memory; the table is the truth. */
export class Webhooks {
  private readonly lanes = new Map<string, Lane>();
  private readonly tests = new Map<string, Promise<DeliveryReply>>();
  private editing: Promise<unknown> = Promise.resolve();

  constructor(private readonly deps: WebhooksDeps) {}

  async load(): Promise<void> {
    for (const hook of await this.deps.hooks.all()) this.lanes.set(hook.id, new Lane(hook, this.deps));
  }

  all(): Iterable<Lane> {
    return this.lanes.values();
  }

  roomOf(id: string): string | undefined {
    return this.lanes.get(id)?.hook.room;
  }

  /** @param rooms whose webhooks are wanted; null for all. */
  list(rooms: readonly string[] | null): Webhook[] {
    const hooks = [...this.lanes.values()].map(({ hook }) => hook);
    return hooks.filter(({ room }) => rooms === null || rooms.includes(room)).map(toWebhook);
  }

  /** @throws AppError `NOT_FOUND`. */
  get(id: string): Webhook {
    return toWebhook(this.lane(id).hook);
  }

  /** @throws AppError `VALIDATION_FAILED`, `TOO_MANY_WEBHOOKS`. */
  async create(wanted: CreateWebhook & { room: string }): Promise<SavedWebhook> {
    await checkAddress(wanted.url, this.deps.address);
    const at = this.deps.now().toISOString();
    const made = wanted.secrets === undefined ? [newSecret()] : undefined;
    const hook: Hook = {
      ...{ id: this.deps.newId(), room: wanted.room, url: wanted.url, events: wanted.events },
      ...{ secrets: wanted.secrets ?? made ?? [], enabled: wanted.enabled, description: wanted.description },
      ...{ createdAt: at, updatedAt: at, cursor: 0 },
      ...{ holdUntil: null, lastDeliveryAt: null, failingSince: null, disabledReason: null },
    };
    return this.oneByOne(async () => {
      this.refuseTooMany(hook.room);
      hook.cursor = await this.write(hook, "webhook.created", "A webhook was made.", "insert");
      this.lanes.set(hook.id, new Lane(hook, this.deps));
      return { ...toWebhook(hook), ...(made === undefined ? {} : { secrets: made }) };
    });
  }

  /** @throws AppError `NOT_FOUND`, `VALIDATION_FAILED`. */
  async update(id: string, { newSecret: wantsSecret, ...given }: UpdateWebhook): Promise<SavedWebhook> {
    this.lane(id);
    if (given.url !== undefined) await checkAddress(given.url, this.deps.address);
    const made = wantsSecret === undefined ? undefined : newSecret();
    return this.oneByOne(async () => {
      const lane = this.lane(id);
      const { hook } = lane;
      const secrets = made === undefined ? given.secrets : [made, ...hook.secrets].slice(0, MOST_SECRETS);
      const changes = { ...definedOf({ ...given, secrets }), updatedAt: this.deps.now().toISOString() };
      const changed: Hook = { ...hook, ...changes };
      await this.change(lane, changed);
      return { ...toWebhook(hook), ...(made === undefined ? {} : { secrets: [made] }) };
    });
  }

  /** @throws AppError `NOT_FOUND`. */
  async remove(id: string): Promise<void> {
    return this.oneByOne(async () => {
      const lane = this.lane(id);
      await lane.stop();
      await this.write(lane.hook, "webhook.deleted", "A webhook was deleted.", "remove");
      this.lanes.delete(id);
    });
  }

  /** One page of what was sent and is to be sent, the newest first. @throws AppError `NOT_FOUND`, `INVALID_REQUEST`. */
  async deliveries(filter: DeliveryFilter): Promise<Page<WebhookDelivery>> {
    this.lane(filter.webhookId);
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
    const lane = this.lane(id);
    const row = await deliveries.byId(id, deliveryId);
    if (row === undefined) throw new AppError("NOT_FOUND", `The webhook has no delivery "${deliveryId}".`);
    if (!lane.hook.enabled)
      throw new AppError("WEBHOOK_DISABLED", "The webhook is switched off; switch it on to send something again.");
    if (row.event_seq !== null && (await reader.event(row.event_seq)) === undefined)
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
      await log.append(tx, { by, subject: subjectOf(id), type: "webhook.replayed", message, data: { deliveryId } });
    });
    lane.backlog = null;
    lane.wake();
    return { ok: true, delivery: toDelivery({ ...row, ...changes }) };
  }

  /** Sends a test at once, also where the webhook is switched off. Whoever asks meanwhile is given the same. */
  test(id: string): Promise<DeliveryReply> {
    const lane = this.lane(id);
    const underWay = this.tests.get(id);
    if (underWay !== undefined) return underWay;
    const test = this.tryOut(lane).finally(() => this.tests.delete(id));
    this.tests.set(id, test);
    return test;
  }

  /** Begins to send. */
  start(): void {
    for (const lane of this.lanes.values()) lane.wake();
  }

  /** Resolves when nothing is being sent any more. */
  async stop(): Promise<void> {
    await Promise.all([...this.lanes.values()].map((lane) => lane.stop()));
    await Promise.allSettled(this.tests.values());
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
      await log.append(tx, { by, subject: subjectOf(webhookId), type: "webhook.tested", message });
    });
    await deliveries.prune(webhookId, settings.kept);
    return { ok: attempt.error === null, delivery: toDelivery(tried) };
  }

  private async change(lane: Lane, changed: Hook): Promise<void> {
    const { hook } = lane;
    const isMoved = changed.url !== hook.url;
    const comesOn = changed.enabled && !hook.enabled;
    if (isMoved || comesOn) Object.assign(changed, { holdUntil: null, failingSince: null });
    if (comesOn) changed.disabledReason = null;
    const seq = await this.write(changed, "webhook.changed", "A webhook was changed.", "save", hook);
    const { holdUntil, failingSince, disabledReason } = changed;
    const { url, events, secrets, enabled, description, updatedAt } = changed;
    Object.assign(hook, { url, events, secrets, enabled, description, updatedAt });
    if (isMoved || comesOn) Object.assign(hook, { holdUntil, failingSince, disabledReason });
    // What happened while it was off is not made up for.
    if (comesOn) hook.cursor = seq;
    lane.backlog = null;
    lane.wake();
    this.deps.onChange();
  }

  /** Writes a webhook with an entry of the log. @returns the number of the entry. */
  private async write(
    hook: Hook,
    type: string,
    message: string,
    how: "insert" | "save" | "remove",
    before?: Hook,
  ): Promise<number> {
    const { store, hooks, deliveries, log, now } = this.deps;
    const by = currentCaller();
    const { id, room } = hook;
    const { host } = new URL(hook.url);
    const data = { room, host, enabled: hook.enabled, events: [...hook.events], ...changesOf(hook, before) };
    return store.write(async (tx) => {
      const { seq } = await log.append(tx, { by, subject: subjectOf(id), type, message, data });
      if (how === "insert") await hooks.insert(tx, { ...hook, cursor: seq });
      if (how === "remove") {
        await deliveries.removeAll(tx, id);
        await hooks.remove(tx, id);
      }
      if (how !== "save") return seq;
      await hooks.save(tx, hook);
      const { holdUntil, failingSince, disabledReason } = hook;
      const comesOn = hook.enabled && before?.enabled === false;
      if (comesOn || hook.url !== before?.url) await hooks.note(tx, id, { holdUntil, failingSince, disabledReason });
      // Also where it stays on: what it did not want until now, it is not sent later.
      await hooks.note(tx, id, { cursor: comesOn ? seq : hook.cursor });
      if (!hook.enabled) await deliveries.giveUp(tx, id, "The webhook was switched off.");
      else await deliveries.makeDue(tx, id, now().toISOString());
      return seq;
    });
  }

  private lane(id: string): Lane {
    const lane = this.lanes.get(id);
    if (lane === undefined) throw new AppError("NOT_FOUND", `There is no webhook "${id}".`);
    return lane;
  }

  private refuseTooMany(room: string): void {
    const ofRoom = [...this.lanes.values()].filter(({ hook }) => hook.room === room).length;
    const where = room === EVERY_ROOM ? "of every room" : `of the room "${room}"`;
    if (ofRoom >= MOST.ofRoom)
      throw new AppError("TOO_MANY_WEBHOOKS", `There are ${ofRoom} webhooks ${where} already; delete one first.`);
    if (this.lanes.size >= MOST.inAll)
      throw new AppError("TOO_MANY_WEBHOOKS", `There are ${this.lanes.size} webhooks already; delete one first.`);
  }

  /** Edits see what those before them have written. */
  private oneByOne<T>(work: () => Promise<T>): Promise<T> {
    const done = this.editing.then(work);
    this.editing = done.catch(() => undefined);
    return done;
  }
}

const subjectOf = (id: string): string => `webhook:${id}`;

/** What was changed, by name: values may be secrets. */
function changesOf(hook: Hook, before: Hook | undefined): { changed?: string[] } {
  if (before === undefined) return {};
  const names = ["url", "events", "secrets", "enabled", "description"] as const;
  return { changed: names.filter((name) => JSON.stringify(hook[name]) !== JSON.stringify(before[name])) };
}

const definedOf = <T extends object>(value: T) =>
  Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
