import { hash } from "node:crypto";
import { type KV, Kvm, type KvWatchEntry } from "@nats-io/kv";
import { subjectWord } from "@stream-control/bus";
import type { NatsBus } from "@stream-control/bus/nats";
import { AppError, type Logger, toError } from "@stream-control/service-kit";
import type { ScenesMetrics } from "../../metrics.js";
import { apply, type JournalEntry } from "../../timeline/index.js";
import { type Journal, type JournalListener, NotOwnerError, type TimelineRecord } from "../journal.js";
import { JetStreamLog, type Logged } from "./jetstream-log.js";
import { type LeaseTimes, Membership } from "./membership.js";

export interface JetStreamJournalOptions {
  bus: NatsBus;
  instance: string;
  keepRemovedMs: number;
  replicas: number;
  metrics: ScenesMetrics;
  logger: Logger;
  now: () => number;
  monotonic: () => number;
  times?: LeaseTimes;
}

const BUCKET = "scenes_timelines";
/** Takeovers at once. */
const AT_ONCE = 32;
const PRUNE_EVERY_MS = 3_600_000;

/**
 * The journal that several instances share. Each timeline has one owner, the one that has written itself into its journal last;
 * its commands are entries behind that. Snapshots in a key-value bucket say where each timeline stands, so that a new owner reads
 * only what came after; a snapshot that is old costs time, never truth.
 */
export class JetStreamJournal implements Journal {
  private readonly records = new Map<string, TimelineRecord>();
  /** What this instance acts for. */
  private readonly mine = new Set<string>();
  private readonly takingOver = new Set<string>();
  /** What is still to be taken over. */
  private readonly orphans: string[] = [];
  private readonly saving = new Map<string, TimelineRecord | null>();
  private readonly saves = new Set<Promise<void>>();
  private readonly membership: Membership;
  private listener: JournalListener | undefined;
  private housekeeping: NodeJS.Timeout | undefined;
  private stopped = false;

  private constructor(
    private readonly options: JetStreamJournalOptions,
    private readonly log: JetStreamLog,
    private readonly kv: KV,
  ) {
    this.membership = new Membership({
      ...options,
      onChange: () => this.takeOverOrphans(),
      onLapse: () => this.lapse(),
    });
  }

  static async open(options: JetStreamJournalOptions): Promise<JetStreamJournal> {
    const { connection } = options.bus;
    const log = await JetStreamLog.open(connection, options.replicas);
    const kv = await new Kvm(connection).create(BUCKET, { history: 1, replicas: options.replicas });
    return new JetStreamJournal(options, log, kv);
  }

  async start(listener: JournalListener): Promise<void> {
    this.listener = listener;
    await this.follow();
    await this.membership.start();
    this.housekeeping = setInterval(() => void this.prune(), PRUNE_EVERY_MS);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.housekeeping);
    // What is being saved is what the next owner begins with.
    await Promise.allSettled([...this.saves]);
    this.mine.clear();
    await this.membership.stop();
  }

  get mayAct(): boolean {
    return this.membership.mayAct;
  }

  async create(record: TimelineRecord): Promise<TimelineRecord> {
    const { streamId } = record;
    if (!this.mayAct) throw unavailable();
    try {
      const position = await this.log.append(streamId, 0, { kind: "made", record });
      const made = { ...record, position };
      this.records.set(streamId, made);
      this.mine.add(streamId);
      this.save(made);
      return made;
    } catch (thrown) {
      if (!(thrown instanceof NotOwnerError)) throw thrown;
      // Made before, and perhaps its maker died before anybody could see it.
      if (!this.records.has(streamId)) {
        const found = replay(undefined, await this.log.after(streamId, 0));
        if (found !== undefined) this.noteFound(found);
      }
      const message = `There is, or was until lately, a timeline "${streamId}"; choose another id.`;
      throw new AppError("TIMELINE_EXISTS", message, { cause: thrown });
    }
  }

  async append(given: TimelineRecord, entry: JournalEntry): Promise<TimelineRecord> {
    const { streamId } = given;
    try {
      const position = await this.log.append(streamId, given.position, { kind: "command", ...entry });
      const record = { ...given, position };
      this.records.set(streamId, record);
      this.save(record);
      return record;
    } catch (thrown) {
      // Nobody can say whether it was written: the journal is read again, and what is found there counts.
      this.giveUp(streamId);
      throw thrown;
    }
  }

  async remove(record: TimelineRecord): Promise<void> {
    const { streamId } = record;
    const removedAtMs = this.options.now();
    try {
      const position = await this.log.append(streamId, record.position, { kind: "removed", atMs: removedAtMs });
      this.mine.delete(streamId);
      this.records.delete(streamId);
      this.save({ ...record, position, removedAtMs });
    } catch (thrown) {
      this.giveUp(streamId);
      throw thrown;
    }
  }

  find(streamId: string): TimelineRecord | undefined {
    return this.records.get(streamId);
  }

  async findRemoved(streamId: string): Promise<TimelineRecord | undefined> {
    const entry = await this.kv.get(subjectWord(streamId));
    if (entry === null || entry.operation !== "PUT") return undefined;
    const record = entry.json<TimelineRecord>();
    return record.removedAtMs === null ? undefined : record;
  }

  get size(): number {
    return this.records.size;
  }

  list(): TimelineRecord[] {
    return [...this.records.values()].sort((a, b) => a.made.atMs - b.made.atMs || (a.streamId < b.streamId ? -1 : 1));
  }

  async entries(streamId: string): Promise<JournalEntry[]> {
    const logged = await this.log.after(streamId, 0);
    return logged.flatMap(({ entry }) =>
      entry.kind === "command" ? [{ atMs: entry.atMs, command: entry.command }] : [],
    );
  }

  /** Writes a snapshot when there is time: of several in a row, the last one. */
  private save(record: TimelineRecord): void {
    const { streamId } = record;
    const isUnderWay = this.saving.has(streamId);
    this.saving.set(streamId, record);
    if (isUnderWay) return;
    const saved = this.saveAll(streamId)
      .catch((thrown: unknown) =>
        this.options.logger.warn({ err: toError(thrown), streamId }, "a snapshot could not be written"),
      )
      .finally(() => this.saves.delete(saved));
    this.saves.add(saved);
  }

  private async saveAll(streamId: string): Promise<void> {
    try {
      for (let record = this.saving.get(streamId); record != null; record = this.saving.get(streamId)) {
        this.saving.set(streamId, null);
        await this.kv.put(subjectWord(streamId), JSON.stringify(record));
      }
    } finally {
      this.saving.delete(streamId);
    }
  }

  /** Reads every snapshot, and follows what others write. */
  private async follow(): Promise<void> {
    const ready = Promise.withResolvers<void>();
    const { values } = await this.kv.status();
    const watch = await this.kv.watch();
    if (values === 0) ready.resolve();
    const reading = async () => {
      for await (const entry of watch) {
        this.take(entry);
        if (entry.delta === 0) ready.resolve();
      }
    };
    reading().catch((thrown: unknown) => {
      if (!this.stopped) this.options.logger.error({ err: toError(thrown) }, "snapshots of others cannot be followed");
    });
    await ready.promise;
  }

  private take(entry: KvWatchEntry): void {
    if (entry.operation !== "PUT") {
      const gone = [...this.records.keys()].find((streamId) => subjectWord(streamId) === entry.key);
      if (gone !== undefined && !this.mine.has(gone)) this.records.delete(gone);
      return;
    }
    this.noteFound(entry.json<TimelineRecord>());
  }

  /** Takes note of how a timeline stands elsewhere. */
  private noteFound(record: TimelineRecord): void {
    const { streamId, position, owner, epoch } = record;
    const known = this.records.get(streamId);
    if (known !== undefined && known.position >= position) return;
    if (record.removedAtMs === null) this.records.set(streamId, record);
    else this.records.delete(streamId);
    if (!this.mine.has(streamId) || (owner === this.options.instance && epoch === known?.epoch)) return;
    this.mine.delete(streamId);
    this.listener?.lost(streamId);
  }

  private giveUp(streamId: string): void {
    if (this.mine.delete(streamId)) this.listener?.lost(streamId);
  }

  /** Frozen or cut off for too long: everything may be another's by now. */
  private lapse(): void {
    this.options.logger.warn("this instance was frozen or cut off, and lets its timelines go");
    for (const streamId of [...this.mine]) this.giveUp(streamId);
  }

  /** Takes over what belongs to nobody who lives; who takes what is the same for all, so that they seldom meet. */
  private takeOverOrphans(): void {
    const living = this.membership.living();
    if (living === undefined || this.stopped || this.orphans.length > 0) return;
    const { instance } = this.options;
    const alive = new Set(living);
    for (const { streamId, owner } of this.records.values()) {
      if (this.mine.has(streamId) || this.takingOver.has(streamId)) continue;
      // What is ours by the journal, and is not acted for, was let go for want of a sign of life.
      if (owner === instance || (!alive.has(owner) && heir(streamId, living) === instance)) this.orphans.push(streamId);
    }
    this.takeNext();
  }

  private takeNext(): void {
    while (this.takingOver.size < AT_ONCE && !this.stopped) {
      const streamId = this.orphans.pop();
      if (streamId === undefined) return;
      this.takingOver.add(streamId);
      this.takeOver(streamId)
        .catch((thrown: unknown) => {
          if (!(thrown instanceof NotOwnerError))
            this.options.logger.warn({ err: toError(thrown), streamId }, "a timeline could not be taken over");
        })
        .finally(() => {
          this.takingOver.delete(streamId);
          this.takeNext();
        });
    }
  }

  private async takeOver(streamId: string): Promise<void> {
    const { instance, logger, metrics } = this.options;
    const known = this.records.get(streamId);
    const current = replay(known, await this.log.after(streamId, known?.position ?? 0));
    if (current === undefined) return;
    if (current.removedAtMs !== null) {
      this.records.delete(streamId);
      return;
    }
    if (current.owner !== known?.owner && current.owner !== instance) {
      this.records.set(streamId, current);
      return;
    }
    const epoch = current.epoch + 1;
    let position: number;
    try {
      position = await this.log.append(streamId, current.position, { kind: "owner", owner: instance, epoch });
    } catch (thrown) {
      // Somebody was quicker; what they wrote is read at the next look.
      if (thrown instanceof NotOwnerError) this.records.set(streamId, current);
      throw thrown;
    }
    const record = { ...current, owner: instance, epoch, position };
    this.records.set(streamId, record);
    this.mine.add(streamId);
    this.save(record);
    metrics.takeovers.inc();
    logger.info({ streamId, epoch, from: current.owner }, "took a timeline over");
    this.listener?.gained(record);
  }

  private async prune(): Promise<void> {
    const beforeMs = this.options.now() - this.options.keepRemovedMs;
    try {
      for await (const key of await this.kv.keys()) {
        const entry = await this.kv.get(key);
        if (entry === null || entry.operation !== "PUT") continue;
        const { streamId, removedAtMs } = entry.json<TimelineRecord>();
        if (removedAtMs === null || removedAtMs >= beforeMs) continue;
        await this.log.purge(streamId);
        await this.kv.purge(key);
      }
    } catch (thrown) {
      this.options.logger.warn({ err: toError(thrown) }, "removed timelines could not be forgotten");
    }
  }
}

/** Who takes a timeline over (highest random weight: https://www.rfc-editor.org/rfc/rfc2991 §3, there for hops). */
const heir = (streamId: string, living: readonly string[]): string | undefined =>
  living
    .map((name) => ({ name, weight: hash("sha256", `${name} ${streamId}`, "hex") }))
    .sort((a, b) => (a.weight < b.weight ? 1 : -1))[0]?.name;

/** What the journal makes of a record. */
function replay(known: TimelineRecord | undefined, logged: readonly Logged[]): TimelineRecord | undefined {
  let record = known;
  for (const { position, entry } of logged) {
    if (entry.kind === "made") record = { ...entry.record, position };
    else if (record === undefined) continue;
    else if (entry.kind === "owner") record = { ...record, position, owner: entry.owner, epoch: entry.epoch };
    else if (entry.kind === "removed") record = { ...record, position, removedAtMs: entry.atMs };
    else {
      const applied = apply(record.state, entry.command, entry.atMs);
      record = { ...record, position, ...(applied.ok ? { state: applied.state } : {}) };
    }
  }
  return record;
}

const unavailable = (): AppError =>
  new AppError("TIMELINE_UNAVAILABLE", "This instance is cut off from the others; try again.");
