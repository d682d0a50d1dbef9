import type { Logger } from "@stream-control/service-kit";
import { asSystem } from "@stream-control/service-kit/http";
import type { YouTubeError } from "../api/errors.js";
import { failureOf } from "../api/failures.js";
import { IDS_PER_CALL, type YouTubeApi } from "../api/youtube-api.js";
import type { Purpose } from "../quota/allowance.js";
import type { QuotaBudget } from "../quota/budget.js";
import type { YouTubePace } from "../settings.js";
import { type Sighting, sightingOf } from "./sightings.js";

/** One broadcast that is looked at. */
export interface Watched {
  broadcastId: string;
  streamId: string | null;
}

export interface WatcherOptions {
  api: YouTubeApi;
  budget: QuotaBudget;
  pace: YouTubePace;
  logger: Logger;
  /** The broadcasts that are on air. */
  live: () => Iterable<readonly [id: string, watched: Watched]>;
  /** Is told what YouTube said; undefined where the broadcast is not there any more. */
  onSeen: (id: string, sighting: Sighting | undefined) => void;
  /** Is told that YouTube could not be asked about a broadcast that waits for it. */
  onFailed: (id: string, error: YouTubeError) => void;
}

interface Wanted extends Watched {
  purpose: Purpose;
  dueAtMs: number;
}

/** Looks of a broadcast that is on its way, before they become as rare as those of one that is on air. */
const QUICK_LOOKS = 24;
/** What is due so soon after is asked along with the rest. */
const TOGETHER_MS = 50;
/** Longest time for which a pause that was reckoned from the quota is believed. */
const REPLAN_MS = 900_000;

/**
 * Asks YouTube how broadcasts stand: all that are due, and with them all that are on air, in one call for broadcasts and one
 * for streams. It asks only while something is on air or on its way, and more rarely where the quota would not last.
 */
export class Watcher {
  private readonly wanted = new Map<string, Wanted>();
  private readonly looks = new Map<string, number>();
  private timer: NodeJS.Timeout | undefined;
  private asking = false;
  private stopped = false;
  private lastPollMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: WatcherOptions) {}

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  /** Somebody waits for how a broadcast stands: at once the first time, then from time to time. */
  want(id: string, watched: Watched, purpose: Purpose): void {
    const known = this.wanted.get(id);
    if (known !== undefined) {
      known.purpose = purpose;
      return;
    }
    const looks = this.looks.get(id) ?? 0;
    this.looks.set(id, looks + 1);
    const { startPollMs, pollMs } = this.options.pace;
    const pauseMs = looks === 0 ? 0 : looks <= QUICK_LOOKS ? startPollMs : Math.max(startPollMs, pollMs);
    this.wanted.set(id, { ...watched, purpose, dueAtMs: performance.now() + pauseMs });
    this.plan();
  }

  /** It need not be looked at for somebody any more; the next time begins at once. */
  settled(id: string): void {
    this.wanted.delete(id);
    this.looks.delete(id);
  }

  /** Looks at some now. @throws YouTubeError. */
  async askNow(entries: readonly (readonly [id: string, watched: Watched])[]): Promise<void> {
    for (let from = 0; from < entries.length; from += IDS_PER_CALL)
      await this.askFor(entries.slice(from, from + IDS_PER_CALL), "edit");
  }

  /** What is on air may have changed. */
  plan(): void {
    clearTimeout(this.timer);
    if (this.stopped || this.asking) return;
    const nextPollMs = this.nextPollMs();
    if (this.wanted.size === 0 && nextPollMs === undefined) return;
    const dues = [...this.wanted.values()].map(({ dueAtMs }) => dueAtMs);
    const dueMs = Math.min(...dues, nextPollMs ?? Number.POSITIVE_INFINITY);
    const waitMs = dueMs - performance.now();
    // Where nothing is left for polls today, it is another day some time.
    if (waitMs > REPLAN_MS) this.timer = setTimeout(() => this.plan(), REPLAN_MS);
    else this.timer = setTimeout(() => void asSystem(() => this.ask()), Math.max(0, waitMs));
    this.timer.unref();
  }

  private nextPollMs(): number | undefined {
    const [first] = this.options.live();
    if (first === undefined) return undefined;
    return this.lastPollMs + this.options.budget.pollPauseMs(this.options.pace.pollMs, 2);
  }

  /** Never rejects. */
  private async ask(): Promise<void> {
    this.asking = true;
    const until = performance.now() + TOGETHER_MS;
    const due = new Map([...this.wanted].filter(([, { dueAtMs }]) => dueAtMs <= until));
    for (const id of due.keys()) this.wanted.delete(id);
    const all = new Map<string, Watched>([...this.options.live(), ...due]);
    const purpose = mostUrgent([...due.values()].map((one) => one.purpose));
    this.lastPollMs = performance.now();
    try {
      const entries = [...all];
      for (let from = 0; from < entries.length; from += IDS_PER_CALL)
        await this.askFor(entries.slice(from, from + IDS_PER_CALL), purpose);
    } catch (thrown) {
      const error = failureOf(thrown);
      for (const id of due.keys()) this.options.onFailed(id, error);
    }
    this.asking = false;
    this.plan();
  }

  private async askFor(entries: readonly (readonly [string, Watched])[], purpose: Purpose): Promise<void> {
    const { api, onSeen } = this.options;
    const streamIds = new Set(entries.flatMap(([, { streamId }]) => streamId ?? []));
    // Streams first: a broadcast that was read after its stream was seen as active is as it is then.
    const streams = streamIds.size === 0 ? [] : await api.streams([...streamIds], purpose);
    const broadcasts = await api.broadcasts(
      entries.map(([, { broadcastId }]) => broadcastId),
      purpose,
    );
    for (const [id, { broadcastId, streamId }] of entries) {
      const broadcast = broadcasts.find((one) => one.id === broadcastId);
      const stream = streams.find((one) => one.id === streamId);
      onSeen(id, broadcast === undefined ? undefined : sightingOf(broadcast, stream));
    }
  }
}

/** The most urgent purpose of those who wait; a poll where nobody does. */
function mostUrgent(purposes: readonly Purpose[]): Purpose {
  if (purposes.includes("complete")) return "complete";
  return purposes.includes("goLive") ? "goLive" : "poll";
}
