import { AppError } from "@stream-control/service-kit";
import type { LiveKit } from "../livekit/livekit.js";
import type { Ledger } from "./ledger.js";
import type { Metadata, Stream, StreamState } from "./stream.js";

export interface StreamsOptions {
  ledger: Ledger;
  livekit: LiveKit;
  /** Unix milliseconds. */
  now: () => number;
}

/** What clients may ask of streams: the ledger's facts and LiveKit's rooms, in the order in which neither is left half done. */
export class Streams {
  constructor(private readonly options: StreamsOptions) {}

  /**
   * Makes a stream and its room. The stream is stored first: where this process ends in between, the reconciler finishes it.
   *
   * @throws AppError `LIVEKIT_UNAVAILABLE`, `LIVEKIT_REFUSED`: the stream is in `error` then, which `details.streamId` names, or
   *   nothing was made at all where LiveKit was known to be away; `STREAM_EXISTS`.
   */
  async create(
    id: string,
    { roomName, metadata }: { roomName?: string | undefined; metadata?: Metadata | undefined },
  ): Promise<StreamState> {
    const { ledger, livekit, now } = this.options;
    livekit.demand();
    const at = now();
    const stream: Stream = {
      ...{ id, roomName: roomName ?? `stream-${id}`, status: "creating", metadata: metadata ?? null, version: 1 },
      ...{ createdAt: at, updatedAt: at, stoppedAt: null, lastEvent: 0, roomSid: null, error: null },
    };
    const { state } = await ledger.create(stream);
    return state.stream.status === "creating" ? this.openRoom(state) : state;
  }

  /** @throws AppError `STREAM_NOT_FOUND`. */
  async get(id: string): Promise<StreamState> {
    return (await this.options.ledger.find(id)) ?? missing(id);
  }

  /**
   * Changes metadata, or the status: to `stopping` or `stopped` it stops the stream, from `error` to `active` it tries again.
   *
   * @throws AppError `VERSION_CONFLICT`, `ILLEGAL_STATUS`, and as {@link create}.
   */
  async edit(
    id: string,
    {
      status,
      metadata,
      version,
    }: { status?: Stream["status"] | undefined; metadata?: Metadata | undefined; version?: number | undefined },
  ): Promise<StreamState> {
    const { ledger, now } = this.options;
    const before = await this.get(id);
    if (status === "stopping" || status === "stopped") {
      if (metadata !== undefined) {
        const { stream } = (await ledger.apply(id, { kind: "edit", metadata, version, at: now() })) ?? missing(id);
        return this.stop(id, stream.version);
      }
      return this.stop(id, version);
    }
    const toError = status === "error" ? status : undefined;
    const asked =
      (await ledger.apply(id, { kind: "edit", metadata, status: toError, version, at: now() })) ?? missing(id);
    if (status === undefined || status === "error" || status === asked.stream.status) return asked;
    if (status === "active" && before.stream.status === "error") return this.retry(id);
    throw new AppError("ILLEGAL_STATUS", `A stream that is ${asked.stream.status} cannot become ${status}.`);
  }

  /**
   * Ends a stream: nobody may join any more, everybody is sent out, the room is closed. One that has ended is as it was.
   *
   * @throws AppError `LIVEKIT_UNAVAILABLE`: it is `stopping` then, and is ended as soon as LiveKit is back.
   */
  async stop(id: string, version?: number): Promise<StreamState> {
    const { ledger, livekit, now } = this.options;
    const stopping = (await ledger.apply(id, { kind: "stop", at: now(), version })) ?? missing(id);
    if (stopping.stream.status !== "stopping") return stopping;
    await livekit.deleteRoom(stopping.stream.roomName);
    return (await ledger.apply(id, { kind: "ended", roomSid: null, at: now() })) ?? missing(id);
  }

  /** Lets somebody in: joining twice is joining once, with a new token. */
  async join(
    id: string,
    participantName: string,
    metadata: Metadata | null,
  ): Promise<{ token: string; wsUrl: string }> {
    const { ledger, livekit, now } = this.options;
    const fact = {
      kind: "joined",
      identity: participantName,
      at: now(),
      metadata,
      sid: null,
      sidJoinedAt: null,
    } as const;
    const { stream, participants } = (await ledger.apply(id, fact)) ?? missing(id);
    const known = participants.get(participantName)?.metadata ?? null;
    return { token: await livekit.token(stream.roomName, participantName, known), wsUrl: livekit.wsUrl };
  }

  /** Sends somebody out; one who has left has left. */
  async leave(id: string, participantName: string): Promise<void> {
    const { ledger, livekit, now } = this.options;
    const before = await this.get(id);
    const known = before.participants.get(participantName);
    // Only a connection that was seen can be cut; LiveKit need not be asked about any other.
    if (known?.sid != null && known.leftAt === null && before.stream.status === "active")
      await livekit.remove(before.stream.roomName, participantName);
    await ledger.apply(id, {
      ...{ kind: "left", identity: participantName, at: now() },
      ...{ metadata: null, sid: null, sidJoinedAt: null },
    });
  }

  /** Tries a stream in `error` again. */
  async retry(id: string): Promise<StreamState> {
    const { ledger, livekit, now } = this.options;
    livekit.demand();
    const state = (await ledger.apply(id, { kind: "retry", at: now() })) ?? missing(id);
    return state.stream.status === "creating" ? this.openRoom(state) : state;
  }

  /** Makes the room of a stream that is `creating`. */
  async openRoom({ stream }: StreamState): Promise<StreamState> {
    const { ledger, livekit, now } = this.options;
    const { id, roomName, metadata } = stream;
    try {
      const { sid } = await livekit.createRoom(roomName, metadata);
      return (await ledger.apply(id, { kind: "ready", roomSid: sid, at: now() })) ?? missing(id);
    } catch (thrown) {
      if (!(thrown instanceof AppError)) throw thrown;
      await ledger.apply(id, { kind: "failed", error: thrown.message, at: now() });
      throw new AppError(
        thrown.code,
        `${thrown.message} The stream is kept in "error": PATCH it to "active" to try again, or DELETE it.`,
        {
          details: { streamId: id },
          cause: thrown,
        },
      );
    }
  }
}

export function missing(id: string): never {
  throw new AppError("STREAM_NOT_FOUND", `There is no stream ${id}.`);
}
