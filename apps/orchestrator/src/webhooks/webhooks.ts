import {
  type CreateWebhook,
  EVERY_ROOM,
  type SavedWebhook,
  type UpdateWebhook,
  type Webhook,
} from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import { currentCaller } from "@stream-control/service-kit/http";
import { type AddressRules, checkAddress } from "./address.js";
import { type Hook, toWebhook, webhookSubject } from "./hook.js";
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
}

/** The webhooks that there are, and what admins do with them. They are few, and held in memory; the table is the truth. */
export class Webhooks {
  private readonly lanes = new Map<string, Lane>();
  private editing: Promise<unknown> = Promise.resolve();

  constructor(private readonly deps: WebhooksDeps) {}

  async load(): Promise<void> {
    for (const hook of await this.deps.hooks.all()) this.lanes.set(hook.id, new Lane(hook, this.deps));
  }

  all(): Iterable<Lane> {
    return this.lanes.values();
  }

  /** @throws AppError `NOT_FOUND`. */
  lane(id: string): Lane {
    const lane = this.lanes.get(id);
    if (lane === undefined) throw new AppError("NOT_FOUND", `There is no webhook "${id}".`);
    return lane;
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

  /** Begins to send. */
  start(): void {
    for (const lane of this.lanes.values()) lane.wake();
  }

  /** Resolves when nothing is being sent any more. */
  async stop(): Promise<void> {
    await Promise.all([...this.lanes.values()].map((lane) => lane.stop()));
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
      const { seq } = await log.append(tx, { by, subject: webhookSubject(id), type, message, data });
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
