import { type Logger, toError } from "@stream-control/service-kit";
import type { EventLog } from "@stream-control/service-kit/audit";
import { asSystem, SYSTEM } from "@stream-control/service-kit/http";
import type { Store } from "@stream-control/store";
import type { Tables } from "../store/tables.js";
import type { DeliveryRow } from "./delivery.js";
import type { DeliveryRows } from "./delivery-rows.js";
import { type Hook, webhookSubject } from "./hook.js";
import type { HookProgress, HookRows } from "./hook-rows.js";
import type { Attempt, Sender } from "./sender.js";
import type { WebhookSettings } from "./settings.js";
import { afterFailure } from "./verdict.js";

export interface LaneDeps {
  settings: WebhookSettings;
  store: Store<Tables>;
  hooks: HookRows;
  deliveries: DeliveryRows;
  sender: Sender;
  log: EventLog;
  logger: Logger;
  now: () => Date;
  /** Its backlog has become shorter. */
  onRoom: () => void;
}

/** A try of which the store does not know yet. */
interface Tried {
  row: DeliveryRow;
  attempt: Attempt;
}

/** Tries during which something that fails holds back what came after it of its job: some three minutes. */
const PATIENCE = 6;
/** Where the store fails, it is asked again after so long. */
const STORE_PAUSE_MS = 5000;
/** A receiver that was away for so many first pauses is given all that waits as soon as it is back. */
const BACK_AFTER_PAUSES = 4;
/** How often old deliveries are deleted, in deliveries. */
const PRUNE_EVERY = 50;
/** What a timer can wait. */
const LONGEST_TIMER_MS = 2_147_000_000;

/**
 * The way to one webhook: what is pending is sent one after another, on one connection at a time. Lanes share nothing, so that
 * a receiver that hangs delays itself alone.
 */
export class Lane {
  /** Deliveries that are pending; null where it has to be asked. */
  backlog: number | null = null;
  /** What the store knows of the webhook's cursor. */
  cursorOnDisk: number;
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;
  private again = false;
  private timer: NodeJS.Timeout | undefined;
  private untilPrune = 0;
  private unsettled: Tried | undefined;

  constructor(
    readonly hook: Hook,
    private readonly deps: LaneDeps,
  ) {
    this.cursorOnDisk = hook.cursor;
  }

  /** Something may be due. */
  wake(): void {
    this.again = true;
    clearTimeout(this.timer);
    if (this.stopping.signal.aborted || !this.hook.enabled) return;
    this.running ??= asSystem(() => this.run()).finally(() => {
      this.running = undefined;
      if (this.again) this.wake();
    });
  }

  /** Resolves when nothing is being sent any more; what was under way is pending still. */
  async stop(): Promise<void> {
    this.stopping.abort();
    clearTimeout(this.timer);
    await this.running;
  }

  get isStopped(): boolean {
    return this.stopping.signal.aborted;
  }

  /** One try beside what is pending. */
  try(row: Omit<DeliveryRow, "seq">): Promise<Attempt> {
    return this.deps.sender.send(this.hook, row, this.stopping.signal);
  }

  async pending(): Promise<number> {
    this.backlog ??= await this.deps.deliveries.pendingCount(this.hook.id);
    return this.backlog;
  }

  private async run(): Promise<void> {
    try {
      while (!this.stopping.signal.aborted && this.hook.enabled) {
        this.again = false;
        const waitMs = await this.step();
        if (waitMs === 0 || this.again) continue;
        if (waitMs !== null) this.wakeIn(waitMs);
        return;
      }
      this.again = false;
    } catch (thrown) {
      this.again = false;
      if (this.stopping.signal.aborted) return;
      this.deps.logger.error({ err: toError(thrown), webhookId: this.hook.id }, "a webhook could not be worked on");
      this.wakeIn(STORE_PAUSE_MS);
    }
  }

  private wakeIn(ms: number): void {
    clearTimeout(this.timer);
    if (this.isStopped) return;
    this.timer = setTimeout(() => this.wake(), Math.min(ms, LONGEST_TIMER_MS));
  }

  /** Sends what is due. @returns milliseconds until there may be more; null where nothing is pending. */
  private async step(): Promise<number | null> {
    const { hook } = this;
    const { deliveries, now } = this.deps;
    if (this.unsettled !== undefined) return this.settle(this.unsettled);
    const at = now();
    const held = hook.holdUntil === null ? 0 : Date.parse(hook.holdUntil) - at.getTime();
    if (held > 0) return held;
    const row = await deliveries.nextDue(hook.id, at.toISOString(), PATIENCE);
    if (row !== undefined) {
      const { url } = hook;
      const attempt = await this.try(row);
      // What another address has refused says nothing of the new one; it is due there.
      if (attempt.error !== null && hook.url !== url) return 0;
      return this.settle({ row, attempt });
    }
    const next = await deliveries.nextMoment(hook.id, PATIENCE);
    return next === null ? null : Math.max(1, Date.parse(next) - now().getTime());
  }

  /** Writes what came of a try. Where that fails, it is written before anything else is sent: no event goes out again for it. */
  private async settle(tried: Tried): Promise<number> {
    this.unsettled = tried;
    const { row, attempt } = tried;
    const at = new Date(attempt.atMs).toISOString();
    const result: Partial<DeliveryRow> = {
      ...{ attempts: row.attempts + 1, last_attempt_at: at, next_attempt_at: null },
      ...{ response_status: attempt.status, duration_ms: attempt.durationMs, error: attempt.error },
    };
    if (attempt.error === null) await this.taken(row, result, at);
    else await this.failed(row, result, attempt);
    this.unsettled = undefined;
    this.untilPrune -= 1;
    if (this.untilPrune <= 0) {
      this.untilPrune = PRUNE_EVERY;
      await this.deps.deliveries.prune(this.hook.id, this.deps.settings.kept);
    }
    return 0;
  }

  private async taken(row: DeliveryRow, tried: Partial<DeliveryRow>, at: string): Promise<void> {
    const { hook } = this;
    const { store, hooks, deliveries, settings } = this.deps;
    const awayMs = hook.failingSince === null ? 0 : Date.parse(at) - Date.parse(hook.failingSince);
    const isBack = awayMs >= BACK_AFTER_PAUSES * settings.retryBaseMs;
    const changes: HookProgress = { lastDeliveryAt: at, failingSince: null, holdUntil: null };
    await store.write(async (tx) => {
      await deliveries.update(tx, row.seq, { ...tried, status: "delivered" });
      await hooks.note(tx, hook.id, changes);
      if (isBack) await deliveries.makeDue(tx, hook.id, at);
    });
    Object.assign(hook, changes);
    this.leave();
  }

  private async failed(row: DeliveryRow, tried: Partial<DeliveryRow>, attempt: Attempt): Promise<void> {
    const { hook } = this;
    const { store, hooks, deliveries, log, logger } = this.deps;
    const { next, changes, off } = afterFailure(row, attempt, hook, this.deps.settings);
    await store.write(async (tx) => {
      const status = next === null ? "failed" : "pending";
      await deliveries.updatePending(tx, row.seq, { ...tried, status, next_attempt_at: next });
      await hooks.note(tx, hook.id, changes);
      if (off === undefined) return;
      await deliveries.giveUp(tx, hook.id, "The webhook was switched off.");
      const entry = { by: SYSTEM, subject: webhookSubject(hook.id), type: "webhook.disabled", message: off };
      await log.append(tx, entry);
    });
    Object.assign(hook, changes);
    if (off !== undefined) {
      this.backlog = null;
      logger.warn({ webhookId: hook.id, reason: off }, "a webhook was switched off");
    } else if (next === null) this.leave();
  }

  private leave(): void {
    if (this.backlog !== null) this.backlog -= 1;
    this.deps.onRoom();
  }
}
