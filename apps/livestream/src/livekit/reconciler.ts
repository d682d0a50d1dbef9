import type { Messages } from "@stream-control/bus";
import { type Logger, toError } from "@stream-control/service-kit";
import type { Ledger } from "../streams/ledger.js";
import type { StreamState } from "../streams/stream.js";
import type { Streams } from "../streams/streams.js";
import type { LiveKit } from "./livekit.js";

export interface ReconcilerOptions {
  ledger: Ledger;
  streams: Streams;
  livekit: LiveKit;
  messages: Messages;
  logger: Logger;
  now: () => number;
  /** Between two comparisons. */
  everyMs: number;
  /** How long whoever asked for a token has to connect with it. */
  joinTimeoutMs: number;
}

/** What is younger than this may still be on its way through another request. */
const YOUNG_MS = 5000;
const LEASE_MS = 15_000;

/** Compares what is stored with what LiveKit has, and mends what its webhooks missed. One instance at a time does it. */
export class Reconciler {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private stopped = false;

  constructor(private readonly options: ReconcilerOptions) {}

  start(): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.running = this.round().finally(() => this.start());
    }, this.options.everyMs);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  private async round(): Promise<void> {
    const { messages, livekit, logger } = this.options;
    try {
      const lease = await messages.lease("reconciler", { ttlMs: LEASE_MS });
      if (lease === undefined) return;
      try {
        if (!livekit.isAway) await this.compare();
      } finally {
        await lease.release();
      }
    } catch (thrown) {
      logger.warn({ err: toError(thrown) }, "streams could not be compared with LiveKit");
    }
  }

  /** Compares everything once. */
  async compare(): Promise<void> {
    const { ledger, livekit, now, logger } = this.options;
    const askedAt = now();
    const unfinished = (await ledger.unfinished()).filter(({ stream }) => stream.status !== "error");
    const rooms = await livekit.roomsOf(unfinished.map(({ stream }) => stream.roomName));
    for (const state of unfinished) {
      if (askedAt - state.stream.updatedAt < YOUNG_MS && state.stream.status !== "active") continue;
      try {
        await this.mend(state, rooms.get(state.stream.roomName), askedAt);
      } catch (thrown) {
        logger.warn({ err: toError(thrown), streamId: state.stream.id }, "a stream could not be compared with LiveKit");
      }
    }
  }

  private async mend(state: StreamState, room: { sid: string } | undefined, askedAt: number): Promise<void> {
    const { ledger, streams, now } = this.options;
    const { id, status, createdAt } = state.stream;
    if (status === "creating") await streams.openRoom(state);
    else if (status === "stopping") await streams.stop(id);
    else if (room === undefined) {
      if (askedAt - Math.max(createdAt, state.stream.updatedAt) >= YOUNG_MS)
        await ledger.apply(id, { kind: "ended", roomSid: state.stream.roomSid, at: now() });
    } else await this.mendGuests(state, askedAt);
  }

  private async mendGuests({ stream, participants }: StreamState, askedAt: number): Promise<void> {
    const { ledger, livekit, joinTimeoutMs } = this.options;
    const guests = await livekit.guestsOf(stream.roomName);
    if (guests === undefined) return;
    const present = new Set(guests.map(({ identity }) => identity));
    for (const { identity, sid, joinedAt, metadata } of guests)
      await ledger.apply(stream.id, { kind: "joined", identity, at: joinedAt, metadata, sid, sidJoinedAt: joinedAt });
    for (const one of participants.values()) {
      if (one.leftAt !== null || present.has(one.identity)) continue;
      const connected = one.sid !== null && (one.sidJoinedAt ?? 0) >= one.joinedAt;
      const patience = connected ? YOUNG_MS : joinTimeoutMs;
      if (askedAt - one.joinedAt < patience) continue;
      await ledger.apply(stream.id, {
        ...{ kind: "left", identity: one.identity, at: askedAt, metadata: null },
        ...{ sid: one.sid, sidJoinedAt: one.sidJoinedAt },
      });
    }
  }
}
