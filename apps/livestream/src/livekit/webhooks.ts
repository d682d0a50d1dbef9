import { AppError, type Logger } from "@stream-control/service-kit";
import type { Store } from "@stream-control/store";
import { type WebhookEvent, WebhookReceiver } from "livekit-server-sdk";
import type { Fact } from "../streams/decide.js";
import type { Ledger } from "../streams/ledger.js";
import type { Tables } from "../streams/tables.js";
import { guestOf } from "./livekit.js";

export interface WebhooksOptions {
  apiKey: string;
  apiSecret: string;
  store: Store<Tables>;
  ledger: Ledger;
  logger: Logger;
  now: () => number;
  onWebhook: (event: string, outcome: "applied" | "repeated" | "unknown_room" | "ignored") => void;
}

/** What LiveKit tells of its rooms. It tells late, twice and out of order; the ledger makes one truth of it. */
export class Webhooks {
  private readonly receiver: WebhookReceiver;

  constructor(private readonly options: WebhooksOptions) {
    this.receiver = new WebhookReceiver(options.apiKey, options.apiSecret);
  }

  /**
   * Checks and applies one.
   *
   * @param body the very bytes that were signed, as text.
   * @param authorization LiveKit's token, which has the hash of the body.
   * @throws AppError `UNAUTHENTICATED` for what LiveKit has not sent.
   */
  async take(body: string, authorization: string | undefined): Promise<void> {
    const { ledger, store, logger, now, onWebhook } = this.options;
    const event = await this.verify(body, authorization);
    const count = (outcome: Parameters<typeof onWebhook>[1]) => onWebhook(event.event, outcome);
    if (
      event.id !== "" &&
      (await store.read((db) =>
        db.selectFrom("livestream_webhooks").select("id").where("id", "=", event.id).executeTakeFirst(),
      )) !== undefined
    )
      return count("repeated");
    const fact = factOf(event, now());
    const room = event.room?.name ?? "";
    const id = fact === undefined || room === "" ? undefined : await ledger.idOfRoom(room);
    if (fact === undefined) count("ignored");
    else if (id === undefined) {
      logger.debug({ event: event.event, room }, "a webhook named a room that is no stream");
      count("unknown_room");
    } else {
      await ledger.apply(id, fact);
      count("applied");
    }
    // Only now: one that could not be applied must come again. Applied twice, it changes nothing.
    if (event.id !== "")
      await store.write((tx) =>
        tx
          .insertInto("livestream_webhooks")
          .values({ id: event.id, at: now() })
          .onConflict((conflict) => conflict.doNothing())
          .execute(),
      );
  }

  private async verify(body: string, authorization: string | undefined): Promise<WebhookEvent> {
    try {
      return await this.receiver.receive(body, authorization);
    } catch (cause) {
      throw new AppError(
        "UNAUTHENTICATED",
        "The webhook is not signed by this LiveKit: its token must be made with LIVEKIT_API_SECRET and name the hash of the body.",
        { cause },
      );
    }
  }
}

/** What an event says; undefined for those that say nothing about who is where. */
function factOf(event: WebhookEvent, now: number): Fact | undefined {
  const { room, participant } = event;
  // In whole seconds; never later than now, whatever LiveKit's clock says.
  const at = event.createdAt > 0n ? Math.min(now, Number(event.createdAt) * 1000) : now;
  switch (event.event) {
    case "room_started":
      return room === undefined ? undefined : { kind: "ready", roomSid: room.sid, at };
    case "room_finished":
      return room === undefined ? undefined : { kind: "ended", roomSid: room.sid === "" ? null : room.sid, at };
    case "participant_joined":
    case "participant_left":
    case "participant_connection_aborted": {
      if (participant === undefined || participant.identity === "") return undefined;
      const { identity, sid, joinedAt, metadata } = guestOf(participant);
      const kind = event.event === "participant_joined" ? "joined" : "left";
      return { kind, identity, at: Math.max(at, joinedAt), metadata, sid, sidJoinedAt: joinedAt > 0 ? joinedAt : at };
    }
    default:
      return undefined;
  }
}
