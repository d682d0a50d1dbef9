import type { JobEvent, WebhookJob } from "@stream-control/protocol";
import { type Logger, toError } from "@stream-control/service-kit";
import { asSystem } from "@stream-control/service-kit/http";
import type { Store } from "@stream-control/store";
import type { JobReader } from "../jobs/job-reader.js";
import type { Tables } from "../store/tables.js";
import { jobOf } from "./body.js";
import { newRow } from "./delivery.js";
import type { DeliveryRows } from "./delivery-rows.js";
import { wants } from "./hook.js";
import type { HookRows } from "./hook-rows.js";
import type { Lane } from "./lane.js";

export interface CollectorDeps {
  store: Store<Tables>;
  reader: JobReader;
  hooks: HookRows;
  deliveries: DeliveryRows;
  lanes: () => Iterable<Lane>;
  giveUpMs: number;
  newId: () => string;
  now: () => Date;
  logger: Logger;
}

type LogEvent = JobEvent & { seq: number; room: string };

/** Events that are read at once: the database holds the event loop for a millisecond or two. */
const PAGE = 100;
/** A webhook with so many on their way is given no more; what comes waits in the event log. */
const FULL = 100;
/** How long events are gathered: a burst of changes costs one read. */
const GATHER_MS = 50;
/** Entries that are looked through anew after a crash, at most, where nothing was for a webhook. */
const FORGET_AT_MOST = 1000;
/** Where the store fails, it is asked again after so long. */
const STORE_PAUSE_MS = 5000;

/**
 * Takes up from the event log what is for each webhook. Deliveries and how far the log has been read are written in one
 * transaction: every event is taken up once, whatever is restarted. It reads behind the ledger, which never waits for it.
 */
export class Collector {
  private head = 0;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private again = false;
  private stopping = false;

  constructor(private readonly deps: CollectorDeps) {}

  /** A change of a job is on disk. Whoever has all before it and does not want it is past it without a read of the log. */
  committed(event: { seq: number; type: string; room: string }): void {
    const { head } = this;
    this.head = Math.max(head, event.seq);
    let isAnyBehind = false;
    for (const { hook, cursorOnDisk } of this.deps.lanes()) {
      if (!hook.enabled) continue;
      if (hook.cursor >= head && event.seq - cursorOnDisk < FORGET_AT_MOST && !wants(hook, event))
        hook.cursor = Math.max(hook.cursor, event.seq);
      isAnyBehind ||= hook.cursor < this.head;
    }
    if (isAnyBehind) this.wake(GATHER_MS);
  }

  /** @param head number of the newest entry of the log. */
  start(head: number): void {
    this.head = Math.max(this.head, head);
    this.wake();
  }

  /** There may be something to take up. */
  wake(afterMs = 0): void {
    this.again = true;
    if (this.stopping || this.timer !== undefined || this.running !== undefined) return;
    asSystem(() => this.runIn(afterMs));
  }

  /** Resolves when nothing is being taken up any more, and how far it has come is on disk. */
  async stop(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.timer);
    await this.running;
    await this.deps.store.write(async (tx) => {
      for (const { hook } of this.deps.lanes())
        if (hook.enabled) await this.deps.hooks.note(tx, hook.id, { cursor: hook.cursor });
    });
  }

  private runIn(ms: number): void {
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.running = this.run()
        .then(() => 0)
        .catch((thrown: unknown) => {
          this.deps.logger.error({ err: toError(thrown) }, "events could not be taken up for webhooks");
          return STORE_PAUSE_MS;
        })
        .then((pauseMs) => {
          this.running = undefined;
          if (pauseMs > 0 || this.again) this.again = true;
          if (this.again && !this.stopping) this.runIn(Math.max(pauseMs, GATHER_MS));
        });
    }, ms);
  }

  private async run(): Promise<void> {
    for (;;) {
      this.again = false;
      const group = await this.nextGroup();
      const [first] = group;
      if (first === undefined || this.stopping) return;
      await this.collect(group, first.hook.cursor);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** The webhooks that are the furthest behind, of those that there is room for. */
  private async nextGroup(): Promise<Lane[]> {
    const behind: Lane[] = [];
    for (const lane of this.deps.lanes())
      if (lane.hook.enabled && lane.hook.cursor < this.head && (await lane.pending()) < FULL) behind.push(lane);
    const from = Math.min(...behind.map(({ hook }) => hook.cursor));
    return behind.filter(({ hook }) => hook.cursor === from);
  }

  private async collect(group: readonly Lane[], from: number): Promise<void> {
    // What was published is on disk, so that the page has it.
    const { head } = this;
    const page = await this.deps.reader.eventsOf({ rooms: null, afterSeq: from, limit: PAGE });
    const last = page.at(-1)?.seq ?? from;
    const to = page.length < PAGE ? Math.max(head, last) : last;
    const jobs = new Map<string, WebhookJob>();
    for (const lane of group) {
      const wanted = page.filter((event) => wants(lane.hook, event));
      for (const { jobId } of wanted) if (!jobs.has(jobId)) await this.learn(jobs, jobId);
      await this.take(lane, wanted, jobs, to);
    }
  }

  private async learn(jobs: Map<string, WebhookJob>, jobId: string): Promise<void> {
    const row = await this.deps.reader.byId(jobId);
    if (row !== undefined) jobs.set(jobId, jobOf(row));
  }

  private async take(lane: Lane, events: readonly LogEvent[], jobs: Map<string, WebhookJob>, to: number) {
    const { store, hooks, deliveries, newId, now, giveUpMs } = this.deps;
    const { hook } = lane;
    const atMs = now().getTime();
    const rows = events.flatMap(({ seq, type, jobId }) => {
      const job = jobs.get(jobId);
      if (job === undefined) return [];
      return [newRow({ id: newId(), webhookId: hook.id, type, eventSeq: seq, jobId, job, atMs, giveUpMs })];
    });
    if (rows.length > 0 || to - lane.cursorOnDisk >= FORGET_AT_MOST) {
      const isTaken = await store.write(async (tx) => {
        // It may have been switched off or deleted meanwhile.
        if (!(await hooks.isEnabled(tx, hook.id))) return false;
        await deliveries.insert(tx, rows);
        await hooks.note(tx, hook.id, { cursor: to });
        return true;
      });
      if (!isTaken) return;
      lane.cursorOnDisk = to;
    }
    hook.cursor = Math.max(hook.cursor, to);
    if (rows.length === 0) return;
    lane.backlog = null;
    lane.wake();
  }
}
