import type { Store } from "@stream-control/store";
import type { Tables } from "../../store/tables.js";
import { YouTubeError } from "../api/errors.js";
import { mayCall, type Purpose, type Purse, pollPauseMs } from "./allowance.js";
import { nextPacificDay, pacificDay } from "./pacific-day.js";

/** The quota as it is shown. */
export interface QuotaView {
  /** By Pacific time, as Google counts. */
  day: string;
  unitsUsed: number;
  unitsPerDay: number;
  /** YouTube itself has said that nothing is left. */
  exhausted: boolean;
  resetsAt: string;
}

export interface BudgetOptions {
  store: Store<Tables>;
  unitsPerDay: number;
  now: () => Date;
}

/**
 * Counts what is used of the day's quota, on disk before each call is made: a restart must not forget it. What else uses the
 * same Google project is not seen until YouTube says that nothing is left.
 */
export class QuotaBudget {
  private day = "";
  private used = 0;
  private exhausted = false;
  /** How many broadcasts are on air, and ready to go; units are kept back for them. */
  begun: Pick<Purse, "live" | "ready"> = { live: 0, ready: 0 };

  constructor(private readonly options: BudgetOptions) {}

  async load(): Promise<void> {
    this.day = pacificDay(this.options.now());
    const row = await this.options.store.db
      .selectFrom("youtube_quota")
      .selectAll()
      .where("day", "=", this.day)
      .executeTakeFirst();
    this.used = row?.units ?? 0;
    this.exhausted = row?.exhausted === 1;
  }

  /**
   * Takes units for a call that is about to be made.
   *
   * @throws YouTubeError of kind `quota` where they are kept for something more urgent, or nothing is left.
   */
  async spend(purpose: Purpose, units: number): Promise<void> {
    this.turn();
    if (this.exhausted || !mayCall(purpose, units, this.purse)) throw this.refusal();
    this.used += units;
    await this.write();
  }

  /** YouTube has said that the day's quota is used up. */
  async exhaust(): Promise<YouTubeError> {
    this.turn();
    this.exhausted = true;
    await this.write();
    return this.refusal();
  }

  /** Milliseconds between two polls; see {@link pollPauseMs}. */
  pollPauseMs(everyMs: number, unitsPerPoll: number): number {
    this.turn();
    if (this.exhausted) return Number.POSITIVE_INFINITY;
    return pollPauseMs({ everyMs, unitsPerPoll, leftMs: this.leftMs }, this.purse);
  }

  /** Milliseconds until Google begins to count anew. */
  get leftMs(): number {
    const now = this.options.now();
    return nextPacificDay(now).getTime() - now.getTime();
  }

  view(): QuotaView {
    this.turn();
    return {
      day: this.day,
      unitsUsed: this.used,
      unitsPerDay: this.options.unitsPerDay,
      exhausted: this.exhausted,
      resetsAt: nextPacificDay(this.options.now()).toISOString(),
    };
  }

  private get purse(): Purse {
    return { limit: this.options.unitsPerDay, used: this.used, ...this.begun };
  }

  private turn(): void {
    const today = pacificDay(this.options.now());
    if (today === this.day) return;
    this.day = today;
    this.used = 0;
    this.exhausted = false;
  }

  private refusal(): YouTubeError {
    const at = nextPacificDay(this.options.now()).toISOString();
    return new YouTubeError({
      kind: "quota",
      reason: "quotaExceeded",
      message: `The quota of YouTube's API for today is used up or kept for what is on air; it begins anew at ${at}.`,
      retryAfterMs: this.leftMs,
    });
  }

  private async write(): Promise<void> {
    const row = { day: this.day, units: this.used, exhausted: this.exhausted ? 1 : 0 };
    await this.options.store.write((tx) =>
      tx
        .insertInto("youtube_quota")
        .values(row)
        .onConflict((conflict) => conflict.column("day").doUpdateSet(row))
        .execute(),
    );
  }
}
