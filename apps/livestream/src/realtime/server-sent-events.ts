import { AppError } from "@stream-control/service-kit";
import type { Handler } from "@stream-control/service-kit/access";
import type { Response } from "express";
import { eventBody } from "../events/event.js";
import type { Feed } from "../events/feed.js";
import type { Streams } from "../streams/streams.js";

const KEEP_ALIVE_MS = 15_000;
const MAX_UNSENT_BYTES = 4 * 1024 * 1024;

/** Server-sent events of a stream: `Last-Event-ID`, or `?since=`, resumes after a number. */
export class ServerSentEvents {
  private readonly open = new Set<Response>();

  constructor(private readonly options: { feed: Feed; streams: Streams; onSlow: () => void }) {}

  get size(): number {
    return this.open.size;
  }

  readonly handler: Handler<"/:id/events"> = async (request, response) => {
    const { feed, streams, onSlow } = this.options;
    const { id } = request.params;
    const since = numberOf(request.get("Last-Event-ID") ?? request.query.since);
    await streams.get(id);
    const following = await feed.follow(id, since, (event) => {
      if (response.writableLength > MAX_UNSENT_BYTES) {
        // It comes back by itself with the last number that it has.
        onSlow();
        response.destroy();
      } else response.write(`id: ${event.number}\nevent: ${event.type}\ndata: ${JSON.stringify(eventBody(event))}\n\n`);
    });
    response.set({ "Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no" });
    response.flushHeaders();
    this.open.add(response);
    const keepAlive = setInterval(() => response.write(": \n\n"), KEEP_ALIVE_MS);
    response.on("close", () => {
      clearInterval(keepAlive);
      following.stop();
      this.open.delete(response);
    });
    following.start();
  };

  stop(): void {
    for (const response of this.open) response.end();
  }
}

function numberOf(given: unknown): number | undefined {
  if (given === undefined) return undefined;
  const number = typeof given === "string" && /^\d{1,15}$/.test(given) ? Number(given) : undefined;
  if (number === undefined)
    throw new AppError("INVALID_REQUEST", "since and Last-Event-ID are the number of an event.");
  return number;
}
