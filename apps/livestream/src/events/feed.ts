import type { Messages, Receiving } from "@stream-control/bus";
import { type Logger, toError } from "@stream-control/service-kit";
import { eventSchema, type StreamEvent } from "./event.js";
import type { EventLog } from "./event-log.js";

export interface FeedOptions {
  messages: Messages;
  events: EventLog;
  logger: Logger;
  /** How often the store is asked whether an event came of which no word did, as when an instance died right after writing it. */
  lookEveryMs: number;
}

/** What events of a stream are sent to. It must not throw, and keeps nothing without bound. */
export type Sink = (event: StreamEvent) => void;

/** Somebody who follows a stream. */
export interface Following {
  /** The number after which events come. */
  readonly after: number;
  /** Begins to send. */
  start(): void;
  stop(): void;
}

interface Follower {
  readonly streamId: string;
  readonly sink: Sink;
  /** Number of the last event that was sent. */
  at: number;
  /** Its events are being read from the store. */
  reading: boolean;
  open: boolean;
}

const PAGE = 200;
const SUBJECT = "events";
/** What is larger goes as its number alone, and is read from the store by whoever wants it. */
const MAX_INLINE_BYTES = 256 * 1024;

/**
 * Brings every event of a stream to everybody who follows it on this instance: in order, each once, none left out. Words of other
 * instances come by the bus and may be lost; each follower knows the number that must come next, and what is missing is read
 * from the store.
 */
export class Feed {
  private readonly followers = new Map<string, Set<Follower>>();
  private receiving: Receiving | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: FeedOptions) {}

  async start(): Promise<void> {
    const { messages, lookEveryMs } = this.options;
    this.receiving = await messages.subscribe(`${SUBJECT}.*`, ({ data }) => this.heard(data), {
      onGap: () => void this.look(),
    });
    this.timer = setInterval(() => void this.look(), lookEveryMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.receiving?.close();
  }

  get size(): number {
    let size = 0;
    for (const some of this.followers.values()) size += some.size;
    return size;
  }

  /** Tells events that this instance has written, in their order. */
  announce = (events: readonly StreamEvent[]): void => {
    const { messages } = this.options;
    for (const event of events) {
      this.deliver(event);
      const isSmall = JSON.stringify(event.data).length <= MAX_INLINE_BYTES;
      messages.publish(
        `${SUBJECT}.${event.streamId}`,
        isSmall ? event : { streamId: event.streamId, number: event.number },
      );
    }
  };

  /**
   * Lets somebody follow a stream that is known to exist.
   *
   * @param since the number of the last event that they have; from now on unless given.
   */
  async follow(streamId: string, since: number | undefined, sink: Sink): Promise<Following> {
    const follower: Follower = { streamId, sink, at: since ?? 0, reading: true, open: true };
    const some = this.followers.get(streamId) ?? new Set();
    this.followers.set(streamId, some.add(follower));
    const stop = () => {
      follower.open = false;
      some.delete(follower);
      if (some.size === 0 && this.followers.get(streamId) === some) this.followers.delete(streamId);
    };
    try {
      if (since === undefined) follower.at = (await this.options.events.newest([streamId])).get(streamId) ?? 0;
    } catch (thrown) {
      stop();
      throw thrown;
    }
    return { after: follower.at, stop, start: () => void this.read(follower) };
  }

  private heard(data: unknown): void {
    const event = eventSchema.safeParse(data);
    if (event.success) this.deliver(event.data);
    else if (typeof data === "object" && data !== null && "streamId" in data && typeof data.streamId === "string")
      for (const follower of this.followers.get(data.streamId) ?? []) this.catchUp(follower);
  }

  private deliver(event: StreamEvent): void {
    for (const follower of this.followers.get(event.streamId) ?? []) {
      if (follower.reading || event.number <= follower.at) continue;
      if (event.number === follower.at + 1) this.send(follower, event);
      else this.catchUp(follower);
    }
  }

  private send(follower: Follower, event: StreamEvent): void {
    if (!follower.open) return;
    follower.at = event.number;
    follower.sink(event);
  }

  private catchUp(follower: Follower): void {
    if (follower.reading) return;
    follower.reading = true;
    void this.read(follower);
  }

  /** Sends what the store has. Whatever comes meanwhile is in it, or is found by the next look. */
  private async read(follower: Follower): Promise<void> {
    try {
      let page: StreamEvent[];
      do {
        page = await this.options.events.since(follower.streamId, follower.at, PAGE);
        for (const event of page) if (event.number === follower.at + 1) this.send(follower, event);
      } while (page.length > 0 && follower.open);
    } catch (thrown) {
      this.options.logger.warn({ err: toError(thrown) }, "events could not be read; it is tried again");
    } finally {
      follower.reading = false;
    }
    // Between the last page and here an event may have come and been passed over.
    const newest = await this.options.events.newest([follower.streamId]).catch(() => undefined);
    if (follower.open && (newest?.get(follower.streamId) ?? 0) > follower.at) this.catchUp(follower);
  }

  private async look(): Promise<void> {
    try {
      const newest = await this.options.events.newest([...this.followers.keys()]);
      for (const [streamId, number] of newest)
        for (const follower of this.followers.get(streamId) ?? []) if (number > follower.at) this.catchUp(follower);
    } catch (thrown) {
      this.options.logger.warn({ err: toError(thrown) }, "events could not be looked for; it is tried again");
    }
  }
}
