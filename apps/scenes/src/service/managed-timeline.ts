import type { Bus } from "@stream-control/bus";
import type { OrchestratorCommand, StateUpdate, SubscriptionCommand } from "@stream-control/proto/scenes";
import { AppError, type Logger } from "@stream-control/service-kit";
import { type Journal, NotOwnerError, type TimelineRecord } from "../journal/journal.js";
import type { ScenesMetrics } from "../metrics.js";
import { type Action, apply, type Observation, observe } from "../timeline/index.js";
import { askedOf, timelineCommand } from "../wire/command.js";
import { subjects } from "../wire/subjects.js";
import { decodeUpdate, UpdateEncoder, UpdateKind, updateOf } from "../wire/update.js";
import type { ServiceSettings } from "./settings.js";
import { type SubscriberStats, Subscribers } from "./subscribers.js";
import type { Scheduled, Ticker } from "./ticker.js";

export interface TimelineParts {
  journal: Journal;
  bus: Bus;
  ticker: Ticker;
  settings: ServiceSettings;
  metrics: ScenesMetrics;
  logger: Logger;
  now: () => number;
  monotonic: () => number;
}

/** What a command came to. */
export interface Outcome {
  readonly atMs: number;
  readonly repeated: boolean;
  readonly state: StateUpdate;
}

/** How far ahead of ours a sender's clock may be. */
const EARLY_LIMIT_MS = 1000;
/** How soon it is looked again whether this instance may act. */
const LOOK_AGAIN_MS = 100;
/** While it is paused nothing moves but the predicted end. */
const PAUSED_TICK_MS = 1000;

/** One timeline that this instance owns: it takes commands in their order, minds subscribers, and tells them what is on air. */
export class ManagedTimeline {
  readonly subscribers = new Subscribers();
  removed = false;
  private tail: Promise<unknown> = Promise.resolve();
  private readonly encoder: UpdateEncoder;
  private readonly subject: string;
  private readonly hash: number;
  private sequence = 0;
  private told: Observation;
  private scheduled: Scheduled | undefined;
  private nextTickMs = 0;
  private emptySince: number;
  private automatic = 0;

  constructor(
    private record: TimelineRecord,
    private readonly parts: TimelineParts,
  ) {
    const { streamId, epoch } = record;
    this.encoder = new UpdateEncoder({ streamId, epoch });
    this.subject = subjects.state(streamId);
    this.hash = hashOf(streamId);
    this.told = observe(record.state, this.nowAtLeast(record));
    this.emptySince = parts.monotonic();
  }

  get streamId(): string {
    return this.record.streamId;
  }

  /** What it shows now. */
  snapshot(): StateUpdate {
    const { streamId, epoch } = this.record;
    const seen = observe(this.record.state, this.nowAtLeast(this.record));
    return updateOf({ streamId, epoch, sequence: this.sequence, kind: UpdateKind.SNAPSHOT }, seen);
  }

  stats(): SubscriberStats {
    return this.subscribers.stats(this.parts.monotonic() - this.parts.settings.staleTimeoutMs / 2);
  }

  /**
   * Takes a command: it is on disk, and told to whoever follows, before its outcome is.
   *
   * @throws AppError for one that does not count; NotOwnerError.
   */
  command(command: OrchestratorCommand): Promise<Outcome> {
    return this.inOrder(async () => {
      const nowMs = this.parts.now();
      const asked = askedOf(command, nowMs);
      const { streamId, made } = this.record;
      if (asked.kind === "create") {
        if (made.commandId === command.commandId) return { atMs: made.atMs, repeated: true, state: this.snapshot() };
        throw new AppError(
          "TIMELINE_EXISTS",
          `There is a timeline "${streamId}" already; reconfigure it, or remove it first.`,
        );
      }
      if (asked.kind === "remove") return this.removeNow(nowMs);
      return this.change(command, asked.actions, this.momentOf(command, nowMs));
    });
  }

  /** Somebody begins to follow, or says so again. The first one starts a timeline that waits for that. */
  async register(command: SubscriptionCommand): Promise<StateUpdate> {
    const { clientId, clientName, command: what } = command;
    const { settings, monotonic, logger } = this.parts;
    if (what.case !== "register") throw new TypeError("Not a registration.");
    if (this.subscribers.size >= settings.maxSubscribers && !this.subscribers.has(clientId))
      throw new AppError("TOO_MANY_SUBSCRIBERS", `${settings.maxSubscribers} follow this timeline already.`);
    const { sourceAddr, filter, ownSubject } = what.value;
    const known = { clientId, clientName: clientName === "" ? clientId : clientName, sourceAddr, filter, ownSubject };
    const isNew = this.subscribers.register(known, monotonic());
    if (isNew) {
      logger.debug({ streamId: this.streamId, clientId, sourceAddr }, "somebody follows a timeline");
      await this.inOrder(() => this.startIfWanted());
    }
    this.schedule();
    return this.snapshot();
  }

  /** Somebody does not follow any more. The last one stops a timeline that runs for its subscribers. */
  async unregister(clientId: string): Promise<void> {
    if (!this.subscribers.unregister(clientId)) return;
    this.parts.logger.debug({ streamId: this.streamId, clientId }, "somebody left a timeline");
    await this.afterLeaving();
  }

  /** Drops whoever was not heard of, and itself where nobody has come for long. */
  async sweep(): Promise<void> {
    const { settings, monotonic, logger, metrics, now } = this.parts;
    const dropped = this.subscribers.dropStale(monotonic() - settings.staleTimeoutMs);
    if (dropped.length > 0) {
      metrics.staleSubscribers.inc(dropped.length);
      logger.info({ streamId: this.streamId, dropped: dropped.length }, "dropped subscribers that were not heard of");
      await this.afterLeaving();
    }
    if (this.subscribers.size > 0) return;
    const emptyMs = monotonic() - this.emptySince;
    // After a restart subscribers come back by themselves; it goes on until they would have been dropped.
    if (emptyMs >= settings.staleTimeoutMs) await this.inOrder(() => this.stopIfEmpty());
    const limitMs = this.record.watched ? settings.idleTimeoutMs : settings.waitingTimeoutMs;
    if (emptyMs < limitMs || !this.isIdle()) return;
    logger.info({ streamId: this.streamId }, "removing a timeline that nobody follows");
    await this.inOrder(async () => {
      if (this.subscribers.size === 0 && !this.removed) await this.removeNow(now());
    });
  }

  /** Does nothing any more: it was removed, belongs to another instance, or the service stops. */
  release(): void {
    this.removed = true;
    this.scheduled?.cancel();
  }

  /** Tells that it has a new owner, also where this one knows of nobody who follows it. */
  announce(): void {
    const { streamId, epoch } = this.record;
    this.sequence += 1;
    const heading = { streamId, epoch, sequence: this.sequence, kind: UpdateKind.SNAPSHOT };
    const seen = observe(this.record.state, this.nowAtLeast(this.record));
    this.parts.bus.publish(this.subject, this.encoder.encode(heading, seen));
  }

  private inOrder<T>(work: () => Promise<T>): Promise<T> {
    const result = this.tail.then(() => {
      if (this.removed) throw new AppError("TIMELINE_NOT_FOUND", `There is no timeline "${this.streamId}" any more.`);
      return work();
    });
    this.tail = result.catch(() => {});
    return result;
  }

  private momentOf({ atMs }: OrchestratorCommand, nowMs: number): number {
    if (atMs === undefined) return nowMs;
    const askedMs = Number(atMs);
    const { lateLimitMs } = this.parts.settings;
    if (askedMs < nowMs - lateLimitMs)
      throw new AppError(
        "COMMAND_OUT_OF_TIME",
        `The command is ${nowMs - askedMs} ms late; ${lateLimitMs} ms are allowed.`,
      );
    if (askedMs > nowMs + EARLY_LIMIT_MS)
      throw new AppError(
        "COMMAND_OUT_OF_TIME",
        `The command is ${askedMs - nowMs} ms early; only a start can be planned ahead (start_at_ms).`,
      );
    return askedMs;
  }

  private async change(command: OrchestratorCommand, actions: readonly Action[], atMs: number): Promise<Outcome> {
    const { journal, metrics, logger, now } = this.parts;
    const entry = { atMs, command: timelineCommand(command, actions) };
    const applied = apply(this.record.state, entry.command, atMs);
    const kinds = actions.map(({ kind }) => kind).join(",");
    if (!applied.ok) {
      const { code, message, action } = applied.refusal;
      metrics.commands.inc({ command: kinds.length > 40 ? "batch" : kinds, result: "refused" });
      throw new AppError(code, message, action === undefined ? {} : { details: { action } });
    }
    if (!applied.repeated) {
      const { mayAct } = journal;
      if (!mayAct) throw new NotOwnerError(`Timeline ${this.streamId} may belong to another instance by now.`);
      const watched = this.record.watched || this.subscribers.size > 0;
      this.record = await journal.append({ ...this.record, watched, state: applied.state }, entry);
      const trace = command.traceparent === "" ? {} : { traceparent: command.traceparent };
      logger.info(
        { streamId: this.streamId, command: kinds, commandId: command.commandId, ...trace },
        "a command counted",
      );
      metrics.commands.inc({ command: actions.length > 1 ? "batch" : kinds, result: "ok" });
      this.publish(UpdateKind.COMMAND, now());
      this.schedule();
    }
    return { atMs: applied.atMs, repeated: applied.repeated, state: this.snapshot() };
  }

  /** A command of the service itself. */
  private async byItself(action: Action): Promise<void> {
    this.automatic += 1;
    const commandId = `auto:${this.record.epoch}:${this.automatic}`;
    const nowMs = this.parts.now();
    await this.change({ commandId, traceparent: "" } as OrchestratorCommand, [action], nowMs);
  }

  private async startIfWanted(): Promise<void> {
    const { state } = this.record;
    const waits =
      (state.mode === "idle" && state.startAtMs === null) ||
      (state.mode === "stopped" && state.stopReason === "no_subscribers");
    if (state.rundown.lifecycle === "subscribers" && waits && this.subscribers.size > 0)
      await this.byItself({ kind: "start" });
  }

  private async stopIfEmpty(): Promise<void> {
    const { mode } = observe(this.record.state, this.nowAtLeast(this.record));
    const runs = mode === "running" || mode === "paused";
    if (this.record.state.rundown.lifecycle === "subscribers" && runs && this.subscribers.size === 0)
      await this.byItself({ kind: "stop", reason: "no_subscribers" });
  }

  private async afterLeaving(): Promise<void> {
    if (this.subscribers.size > 0) return;
    this.emptySince = this.parts.monotonic();
    this.scheduled?.cancel();
    await this.inOrder(() => this.stopIfEmpty());
  }

  /** Nothing happens any more, or nothing without subscribers. */
  private isIdle(): boolean {
    const { mode, startAtMs } = observe(this.record.state, this.nowAtLeast(this.record));
    if (this.record.state.rundown.lifecycle === "subscribers") return true;
    return mode === "finished" || mode === "stopped" || (mode === "idle" && startAtMs === null);
  }

  private async removeNow(nowMs: number): Promise<Outcome> {
    await this.parts.journal.remove(this.record);
    const state = this.snapshot();
    this.publish(UpdateKind.REMOVED, nowMs);
    this.release();
    return { atMs: nowMs, repeated: false, state };
  }

  private schedule(): void {
    this.scheduled?.cancel();
    this.scheduled = undefined;
    if (this.subscribers.size === 0 || this.removed) return;
    const nowMs = this.nowAtLeast(this.record);
    const { mode, changesAtMs } =
      this.told.revision === this.record.state.revision ? this.told : observe(this.record.state, nowMs);
    const tickMs = this.tickMs(mode);
    // Ticks stay on their grid, whatever happens between them.
    if (tickMs !== null && this.nextTickMs <= nowMs)
      this.nextTickMs = nowMs - modulo(nowMs - (this.hash % tickMs), tickMs) + tickMs;
    const dueMs = Math.min(
      changesAtMs ?? Number.POSITIVE_INFINITY,
      tickMs === null ? Number.POSITIVE_INFINITY : this.nextTickMs,
    );
    if (Number.isFinite(dueMs)) this.scheduled = this.parts.ticker.at(dueMs, (firedMs) => this.tick(firedMs));
  }

  private tickMs(mode: Observation["mode"]): number | null {
    const { tickIntervalMs } = this.record.state.rundown;
    if (mode === "running") return tickIntervalMs;
    return mode === "paused" ? Math.max(PAUSED_TICK_MS, tickIntervalMs) : null;
  }

  private tick(nowMs: number): void {
    // A process that was frozen may wake up as the owner of what is another's by now.
    if (!this.parts.journal.mayAct) {
      this.scheduled = this.parts.ticker.at(nowMs + LOOK_AGAIN_MS, (firedMs) => this.tick(firedMs));
      return;
    }
    this.publish(UpdateKind.TICK, nowMs);
    this.schedule();
  }

  /** Tells everybody what is on air. A tick becomes what it shows: a scene that has changed, an announcement. */
  private publish(kind: UpdateKind, nowMs: number): void {
    const seen = observe(this.record.state, Math.max(nowMs, this.record.state.lastAtMs));
    const shown = kind === UpdateKind.TICK ? kindOf(this.told, seen) : kind;
    this.told = seen;
    if (this.subscribers.size === 0) return;
    this.sequence += 1;
    const data = this.encoder.encode({ kind: shown, sequence: this.sequence }, seen);
    this.parts.metrics.updates.inc();
    this.parts.bus.publish(this.subject, data);
    if (this.subscribers.own.size > 0) this.publishOwn(data);
  }

  private publishOwn(data: Uint8Array): void {
    const update = decodeUpdate(data);
    for (const { clientId, gate } of this.subscribers.own)
      if (gate === undefined || gate.wants(update)) this.parts.bus.publish(subjects.own(this.streamId, clientId), data);
  }

  /** A command may have been stamped by a clock that is a little ahead of ours. */
  private nowAtLeast({ state }: TimelineRecord): number {
    return Math.max(this.parts.now(), state.lastAtMs);
  }
}

function kindOf(before: Observation, now: Observation): UpdateKind {
  const isSame =
    before.mode === now.mode &&
    before.onAir?.instance === now.onAir?.instance &&
    before.run?.number === now.run?.number;
  if (!isSame) return UpdateKind.SCENE;
  return now.upcoming && !before.upcoming ? UpdateKind.UPCOMING : UpdateKind.TICK;
}

/** Where on its grid a timeline ticks: spread, so that thousands that were started together don't tick together. */
function hashOf(streamId: string): number {
  let hash = 0;
  for (let index = 0; index < streamId.length; index += 1) hash = (hash * 31 + streamId.charCodeAt(index)) >>> 0;
  return hash;
}

const modulo = (value: number, by: number): number => ((value % by) + by) % by;
