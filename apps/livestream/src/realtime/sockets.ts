import { AppError, type Logger, toError } from "@stream-control/service-kit";
import { type Access, type Caller, requireCallerFor } from "@stream-control/service-kit/access";
import { type Arrival, asAppError, type SocketRoute } from "@stream-control/service-kit/http";
import type { WebSocket } from "ws";
import { z } from "zod";
import { eventBody, type StreamEvent } from "../events/event.js";
import type { Feed, Following } from "../events/feed.js";
import type { Streams } from "../streams/streams.js";

export interface SocketsOptions {
  access: Access;
  feed: Feed;
  streams: Streams;
  logger: Logger;
  instance: string;
  onSlow: () => void;
}

const streamId = z.string("streamId is missing").min(1).max(200);
const commandSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("subscribe"), streamId, since: z.int().min(0).optional() }),
  z.object({ type: z.literal("unsubscribe"), streamId }),
  z.object({ type: z.literal("ping") }),
]);

const MAX_MESSAGE_BYTES = 16 * 1024;
/** What may lie unsent for one client; beyond it the client is too slow and is sent away, to come back with `since`. */
const MAX_UNSENT_BYTES = 4 * 1024 * 1024;
const MAX_SUBSCRIPTIONS = 1000;
const PING_EVERY_MS = 20_000;

/** WebSockets on the root path: `subscribe`, `unsubscribe`, `ping`. */
export class Sockets {
  private readonly open = new Set<WebSocket>();
  /** Many follow the same stream: each event is written as JSON once. */
  private readonly written = new WeakMap<StreamEvent, Buffer>();

  constructor(private readonly options: SocketsOptions) {}

  get size(): number {
    return this.open.size;
  }

  readonly route: SocketRoute = {
    maxMessageBytes: MAX_MESSAGE_BYTES,
    receive: async (arrival) => {
      await this.callerOf(arrival);
      return (socket) => this.accept(socket);
    },
  };

  /** Rights have changed: everybody comes back with those that they have now. */
  dismiss(): void {
    for (const socket of this.open) socket.close(1013, "rights have changed");
  }

  async stop(): Promise<void> {
    for (const socket of this.open) socket.close(1001, "the service stops");
    const timer = setTimeout(() => {
      for (const socket of this.open) socket.terminate();
    }, 1000);
    await Promise.all(
      [...this.open].map((socket) => new Promise<void>((resolve) => socket.once("close", () => resolve()))),
    );
    clearTimeout(timer);
  }

  private accept(socket: WebSocket): void {
    const followings = new Map<string, Following>();
    this.open.add(socket);
    let alive = true;
    const pings = setInterval(() => {
      if (!alive) return socket.terminate();
      alive = false;
      socket.ping();
    }, PING_EVERY_MS);
    socket.on("pong", () => {
      alive = true;
    });
    socket.on("error", () => socket.terminate());
    socket.on("close", () => {
      clearInterval(pings);
      this.open.delete(socket);
      for (const following of followings.values()) following.stop();
    });
    // One after another, so that an unsubscribe right after a subscribe finds it.
    let turn = Promise.resolve();
    socket.on("message", (data) => {
      alive = true;
      turn = turn.then(() => this.handle(socket, String(data), followings));
    });
    say(socket, { type: "connected", timestamp: new Date().toISOString(), instanceId: this.options.instance });
  }

  private async handle(socket: WebSocket, text: string, followings: Map<string, Following>): Promise<void> {
    try {
      const command = parse(text);
      if (command.type === "ping") return say(socket, { type: "pong", timestamp: new Date().toISOString() });
      const { streamId } = command;
      followings.get(streamId)?.stop();
      followings.delete(streamId);
      if (command.type === "unsubscribe") return say(socket, { type: "unsubscribed", streamId });
      if (followings.size >= MAX_SUBSCRIPTIONS)
        throw new AppError("RATE_LIMITED", `A socket follows ${MAX_SUBSCRIPTIONS} streams at most; open another one.`);
      await this.options.streams.get(streamId);
      const following = await this.options.feed.follow(streamId, command.since, (event) => this.send(socket, event));
      if (socket.readyState !== socket.OPEN) return following.stop();
      followings.set(streamId, following);
      say(socket, { type: "subscribed", streamId, number: following.after });
      following.start();
    } catch (thrown) {
      const error = asAppError(thrown);
      if (error.status >= 500) this.options.logger.error({ err: toError(thrown) }, "a command of a socket failed");
      say(socket, { type: "error", message: error.message, code: error.code });
    }
  }

  private send(socket: WebSocket, event: StreamEvent): void {
    if (socket.readyState !== socket.OPEN) return;
    if (socket.bufferedAmount > MAX_UNSENT_BYTES) {
      this.options.onSlow();
      socket.close(1013, "too slow: subscribe again with since");
      setTimeout(() => socket.terminate(), 1000).unref();
      return;
    }
    let bytes = this.written.get(event);
    if (bytes === undefined) {
      bytes = Buffer.from(JSON.stringify(eventBody(event)));
      this.written.set(event, bytes);
    }
    socket.send(bytes, { binary: false });
  }

  private async callerOf({ request, url }: Arrival): Promise<Caller> {
    const { access } = this.options;
    const ticket = url.searchParams.get("ticket");
    const caller = ticket === null ? await access.authenticate(request) : await access.byTicket(request, ticket);
    // A browser sends the cookie whoever's page opens the socket, and no header can be added here that proves whose it is.
    if (caller?.byCookie === true)
      throw new AppError("UNAUTHENTICATED", "A session opens a socket with a ticket: POST /v1/tickets, then ?ticket=.");
    return requireCallerFor({ kind: "everywhere", role: "viewer" }, caller);
  }
}

function parse(text: string): z.infer<typeof commandSchema> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AppError("INVALID_JSON", "The message is not valid JSON.", { cause });
  }
  const result = commandSchema.safeParse(value);
  if (result.success) return result.data;
  throw new AppError(
    "INVALID_REQUEST",
    `A message is {"type": "subscribe" or "unsubscribe", "streamId": …} or {"type": "ping"}: ${result.error.issues[0]?.message}.`,
  );
}

const say = (socket: WebSocket, message: object): void => {
  if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message));
};
