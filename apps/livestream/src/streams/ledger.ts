import { AppError } from "@stream-control/service-kit";
import type { Kysely, Store, Transaction } from "@stream-control/store";
import type { StreamEvent } from "../events/event.js";
import { decide, type Fact, type Told } from "./decide.js";
import { fromParticipant, fromStream, toParticipant, toStream } from "./rows.js";
import { participantBody, type Stream, type StreamState, streamBody } from "./stream.js";
import type { Tables } from "./tables.js";

export interface LedgerOptions {
  store: Store<Tables>;
  /** Name of this instance; events tell who wrote them. */
  instance: string;
  /** Is told of events after they are on disk, in the order of their numbers for each stream. */
  announce: (events: readonly StreamEvent[]) => void;
}

export interface Page {
  limit: number;
  /** Streams that were made before this one. */
  before?: { createdAt: number; id: string } | undefined;
  status?: string | undefined;
}

/** The only writer of streams: a change, its participants and its events are one transaction, and are told after it. */
export class Ledger {
  constructor(private readonly options: LedgerOptions) {}

  /**
   * Begins a stream in `creating`; one of the same id that is there already is given back as it is.
   *
   * @throws AppError `STREAM_EXISTS` where another stream that has not ended has this room.
   */
  async create(stream: Stream): Promise<{ state: StreamState; isNew: boolean }> {
    const { store, instance, announce } = this.options;
    const { state, events } = await store.write(async (tx) => {
      const known = await this.load(tx, stream.id);
      if (known !== undefined) return { state: known, events: [] };
      const first: StreamState = { stream: { ...stream, lastEvent: 1 }, participants: new Map() };
      const { numInsertedOrUpdatedRows } = await tx
        .insertInto("livestreams")
        .values(fromStream(first.stream))
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirstOrThrow();
      if (Number(numInsertedOrUpdatedRows) === 0)
        throw new AppError(
          "STREAM_EXISTS",
          `There is a stream with the room "${stream.roomName}" already; stop it first.`,
        );
      const told = render([{ type: "stream_created", after: first }], instance);
      await this.append(tx, told);
      return { state: first, events: told };
    });
    announce(events);
    return { state, isNew: events.length > 0 };
  }

  /**
   * Applies a fact.
   *
   * @param id unknown ones get undefined.
   * @throws AppError what {@link decide} throws.
   */
  async apply(id: string, fact: Fact): Promise<StreamState | undefined> {
    const { store, instance, announce } = this.options;
    const done = await store.write(async (tx) => {
      const before = await this.load(tx, id, true);
      if (before === undefined) return undefined;
      const { state, events } = decide(before, fact);
      if (state !== before) await this.write(tx, before, state);
      const told = render(events, instance);
      await this.append(tx, told);
      return { state, events: told };
    });
    if (done === undefined) return undefined;
    announce(done.events);
    return done.state;
  }

  find(id: string): Promise<StreamState | undefined> {
    return this.options.store.read((db) => this.load(db, id));
  }

  /** The newest stream of a room; a name may have been used before. */
  async idOfRoom(roomName: string): Promise<string | undefined> {
    const row = await this.options.store.read((db) =>
      db
        .selectFrom("livestreams")
        .select("id")
        .where("room_name", "=", roomName)
        .orderBy("created_at", "desc")
        .orderBy("id", "desc")
        .limit(1)
        .executeTakeFirst(),
    );
    return row?.id;
  }

  /** Newest first. */
  list({ limit, before, status }: Page): Promise<StreamState[]> {
    return this.options.store.read(async (db) => {
      let query = db.selectFrom("livestreams").selectAll();
      if (status !== undefined) query = query.where("status", "=", status);
      if (before !== undefined)
        query = query.where((eb) =>
          eb.or([
            eb("created_at", "<", before.createdAt),
            eb.and([eb("created_at", "=", before.createdAt), eb("id", "<", before.id)]),
          ]),
        );
      const rows = await query.orderBy("created_at", "desc").orderBy("id", "desc").limit(limit).execute();
      return this.withParticipants(db, rows.map(toStream));
    });
  }

  /** Every stream that has not ended. */
  unfinished(): Promise<StreamState[]> {
    return this.options.store.read(async (db) => {
      const rows = await db.selectFrom("livestreams").selectAll().where("status", "!=", "stopped").execute();
      return this.withParticipants(db, rows.map(toStream));
    });
  }

  private async withParticipants(db: Kysely<Tables>, streams: Stream[]): Promise<StreamState[]> {
    if (streams.length === 0) return [];
    const ids = streams.map(({ id }) => id);
    const rows = await db
      .selectFrom("livestream_participants")
      .selectAll()
      .where("stream_id", "in", ids)
      .orderBy("joined_at")
      .orderBy("identity")
      .execute();
    const byStream = Map.groupBy(rows, (row) => row.stream_id);
    return streams.map((stream) => ({
      stream,
      participants: new Map((byStream.get(stream.id) ?? []).map((row) => [row.identity, toParticipant(row)])),
    }));
  }

  private async load(db: Kysely<Tables>, id: string, toChange = false): Promise<StreamState | undefined> {
    const query = db.selectFrom("livestreams").selectAll().where("id", "=", id);
    const row = await (toChange ? this.options.store.forUpdate(query) : query).executeTakeFirst();
    return row === undefined ? undefined : (await this.withParticipants(db, [toStream(row)]))[0];
  }

  private async write(tx: Transaction<Tables>, before: StreamState, after: StreamState): Promise<void> {
    const { id } = after.stream;
    await tx.updateTable("livestreams").set(fromStream(after.stream)).where("id", "=", id).execute();
    for (const [identity, one] of after.participants) {
      if (before.participants.get(identity) === one) continue;
      const { stream_id, identity: key, ...values } = fromParticipant(id, one);
      await tx
        .insertInto("livestream_participants")
        .values({ stream_id, identity: key, ...values })
        .onConflict((conflict) => conflict.columns(["stream_id", "identity"]).doUpdateSet(values))
        .execute();
    }
  }

  private async append(tx: Transaction<Tables>, events: readonly StreamEvent[]): Promise<void> {
    for (const { streamId, number, type, timestamp, previousStatus, data, instanceId } of events)
      await tx
        .insertInto("livestream_events")
        .values({
          ...{ stream_id: streamId, number, type, at: timestamp, instance: instanceId },
          ...{ previous_status: previousStatus, data: JSON.stringify(data) },
        })
        .execute();
  }
}

/** Events as they are kept and told, in times that never go back within a stream; of the participants those that are there, and the one that it is about. */
function render(told: readonly Told[], instanceId: string): StreamEvent[] {
  return told.map(({ type, after, identity, previousStatus }) => {
    const one = identity === undefined ? undefined : after.participants.get(identity);
    const shown = new Map([...after.participants].filter(([name, { leftAt }]) => leftAt === null || name === identity));
    const stream = streamBody({ stream: after.stream, participants: shown });
    return {
      ...{
        type,
        streamId: after.stream.id,
        number: after.stream.lastEvent,
        timestamp: after.stream.updatedAt,
        instanceId,
      },
      previousStatus: previousStatus ?? null,
      data: one === undefined ? stream : { participant: participantBody(one), stream },
    };
  });
}
