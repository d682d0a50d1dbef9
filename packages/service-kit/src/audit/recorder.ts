import type { AuditResult, JsonObject } from "@stream-control/protocol";
import { toError } from "../errors.js";
import { asSystem, type Caller, currentCaller } from "../http/caller.js";
import type { Logger } from "../logger.js";
import type { EventLog } from "./event-log.js";
import type { LogStore } from "./executor.js";
import { FloodGuard } from "./flood-guard.js";

/** Something that somebody did, or was not let do, that is no change of a job. */
export interface AuditRecord {
  /** Such as `key.issued`. */
  type: string;
  /** What it was done to, as `kind:id`. */
  subject: string;
  result?: AuditResult | undefined;
  /** A sentence for a person; neither secrets nor personal data. */
  message?: string | undefined;
  data?: JsonObject | undefined;
}

export interface RecorderOptions {
  store: LogStore;
  log: EventLog;
  logger: Logger;
  /** Over which refusals are counted together. */
  periodMs?: number;
}

const PERIOD_MS = 60_000;
/** Longest text of a refusal, in characters. */
const LONGEST = 300;

/**
 * Writes into the event log what has no transaction of its own. What goes together with other facts is better appended to
 * their transaction.
 */
export class AuditRecorder {
  private readonly guard = new FloodGuard<AuditRecord>();
  private readonly underWay = new Set<Promise<void>>();
  private period: NodeJS.Timeout | undefined;

  constructor(private readonly options: RecorderOptions) {}

  /**
   * Records something on behalf of the current caller.
   *
   * What was done (`ok`) is on disk when the promise resolves, and rejects it otherwise. What was refused or failed must not
   * cost the caller more than the refusal, nor us the disk: the first few of a caller in a minute are written, the rest is
   * written as a number when the minute ends, and what cannot be written is logged; the promise resolves in any case.
   */
  record(entry: AuditRecord): Promise<void> {
    const caller = currentCaller();
    if (entry.result === undefined || entry.result === "ok") return this.write(caller, entry);
    this.period ??= asSystem(() => setTimeout(() => this.endPeriod(), this.options.periodMs ?? PERIOD_MS).unref());
    if (!this.guard.take(caller, entry.type, entry)) return Promise.resolve();
    // What is refused may quote the caller, who must not decide how much is written.
    const { subject, message } = entry;
    const clipped = { subject: subject.slice(0, LONGEST), message: message?.slice(0, LONGEST) };
    return this.writeAnyway(caller, { ...entry, ...clipped });
  }

  /** Writes what was counted, and waits for everything that is under way. */
  async stop(): Promise<void> {
    clearTimeout(this.period);
    this.endPeriod();
    await Promise.all(this.underWay);
  }

  private endPeriod(): void {
    this.period = undefined;
    for (const { caller, example, held } of this.guard.drain()) {
      const { type, result } = example;
      const subject = example.subject.slice(0, LONGEST);
      const message = `And ${held} more of these in a short time.`;
      void this.writeAnyway(caller, { type, subject, result, message, data: { more: held } });
    }
  }

  private async write(by: Caller, { message, type, ...entry }: AuditRecord): Promise<void> {
    const { store, log } = this.options;
    await store.write((tx) => log.append(tx, { by, type, ...entry, message: message ?? `${type}.` }));
  }

  private writeAnyway(caller: Caller, entry: AuditRecord): Promise<void> {
    const written = this.write(caller, entry)
      .catch((error: unknown) => {
        this.options.logger.error({ err: toError(error), type: entry.type }, "an audit entry could not be written");
      })
      .finally(() => this.underWay.delete(written));
    this.underWay.add(written);
    return written;
  }
}
