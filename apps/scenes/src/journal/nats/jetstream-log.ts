import { randomUUID } from "node:crypto";
import {
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { subjectWord } from "@stream-control/bus";
import { AppError } from "@stream-control/service-kit";
import type { JournalEntry } from "../../timeline/index.js";
import { NotOwnerError, type TimelineRecord } from "../journal.js";

/** What the journal of a timeline has, in its order: it is made, commanded, taken over, removed. */
export type LogEntry =
  | { readonly kind: "made"; readonly record: TimelineRecord }
  | ({ readonly kind: "command" } & JournalEntry)
  | { readonly kind: "owner"; readonly owner: string; readonly epoch: number }
  | { readonly kind: "removed"; readonly atMs: number };

export interface Logged {
  readonly position: number;
  readonly entry: LogEntry;
}

const STREAM = "scenes_journal";
const PREFIX = "scenes.v1.journal";
const DUPLICATES_MS = 120_000;
const TRIES = 3;
const TRY_MS = 700;

/** https://docs.nats.io/reference/reference-protocols/nats_api_reference: what JetStream answers where the expected sequence differs. */
const WRONG_SEQUENCE = [10_071, 10_164];
const NO_MESSAGE = [10_037, 404];

/**
 * The journals of all timelines: one JetStream stream, a subject for each. Whoever appends says which entry it takes for the
 * newest; where that is not so, somebody else has appended, and nothing is written. So an owner that does not know yet that it is
 * none cannot do harm.
 */
export class JetStreamLog {
  private constructor(
    private readonly js: JetStreamClient,
    private readonly manager: JetStreamManager,
  ) {}

  static async open(connection: NatsConnection, replicas: number): Promise<JetStreamLog> {
    const manager = await jetstreamManager(connection, { timeout: 5000 });
    const config = {
      ...{ name: STREAM, subjects: [`${PREFIX}.>`], storage: StorageType.File, retention: RetentionPolicy.Limits },
      ...{ num_replicas: replicas, allow_direct: true, duplicate_window: DUPLICATES_MS * 1_000_000 },
    };
    try {
      await manager.streams.add(config);
    } catch (thrown) {
      // It is there with other settings, such as more replicas; whoever changed them had a reason.
      await manager.streams.info(STREAM).catch(() => {
        throw thrown;
      });
    }
    return new JetStreamLog(jetstream(connection, { timeout: TRY_MS }), manager);
  }

  /**
   * @param after the entry that is the newest, 0 where there must be none.
   * @returns the place of the new entry.
   * @throws NotOwnerError where another entry is the newest; AppError `TIMELINE_UNAVAILABLE` where nobody can say whether it was written.
   */
  async append(streamId: string, after: number, entry: LogEntry): Promise<number> {
    const data = Buffer.from(JSON.stringify(entry));
    // Of this call alone: what another call writes is never taken for it.
    const id = randomUUID();
    for (let attempt = 1; ; attempt += 1) {
      try {
        const options = { msgID: id, expect: { lastSubjectSequence: after }, timeout: TRY_MS };
        return (await this.js.publish(subjectOf(streamId), data, options)).seq;
      } catch (thrown) {
        if (isApi(thrown, WRONG_SEQUENCE))
          throw new NotOwnerError(`The journal of ${streamId} has gone on without this instance.`, { cause: thrown });
        // The id makes a try that did get through be answered again rather than written again.
        if (attempt >= TRIES)
          throw new AppError("TIMELINE_UNAVAILABLE", "The command could not be written; try again.", { cause: thrown });
      }
    }
  }

  /** Everything behind a place, in its order. */
  async after(streamId: string, position: number): Promise<Logged[]> {
    const found: Logged[] = [];
    for (let from = position + 1; ; ) {
      const message = await this.next(streamId, from);
      if (message === undefined) return found;
      found.push(message);
      from = message.position + 1;
    }
  }

  /** Forgets a timeline. */
  async purge(streamId: string): Promise<void> {
    await this.manager.streams.purge(STREAM, { filter: subjectOf(streamId) });
  }

  private async next(streamId: string, from: number): Promise<Logged | undefined> {
    try {
      const message = await this.manager.direct.getMessage(STREAM, { seq: from, next_by_subj: subjectOf(streamId) });
      return message === null ? undefined : { position: message.seq, entry: message.json<LogEntry>() };
    } catch (thrown) {
      if (isApi(thrown, NO_MESSAGE)) return undefined;
      throw thrown;
    }
  }
}

const subjectOf = (streamId: string): string => `${PREFIX}.${subjectWord(streamId)}`;

const isApi = (thrown: unknown, codes: readonly number[]): boolean =>
  thrown instanceof JetStreamApiError && (codes.includes(thrown.code) || codes.includes(thrown.apiError().code));
