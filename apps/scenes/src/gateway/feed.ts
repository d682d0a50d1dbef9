import type { Bus, BusSubscription } from "@stream-control/bus";
import { type StateUpdate, StateUpdateSchema, toBinary, UpdateKind } from "@stream-control/proto/scenes";
import { subjects } from "../wire/subjects.js";
import { decodeUpdate } from "../wire/update.js";
import { Encoded } from "./encoded.js";
import type { Listener } from "./listener.js";

/** What one timeline tells to all sockets of this gateway: one subscription of the bus, however many sockets. */
export class Feed {
  readonly listeners = new Set<Listener>();
  /** Sockets that are open on it, also those that are not listeners yet. */
  users = 0;
  private subscription: Promise<BusSubscription> | undefined;
  private epoch = 0n;

  constructor(
    private readonly bus: Bus,
    readonly streamId: string,
    /** Another instance runs the timeline now, which knows nobody of ours yet. */
    private readonly onNewOwner: (feed: Feed) => void,
    private readonly onRemoved: (feed: Feed) => void,
  ) {}

  /** Resolves once updates arrive. */
  async open(): Promise<void> {
    this.subscription ??= this.bus.subscribe(subjects.state(this.streamId), ({ data }) => this.take(data));
    await this.subscription;
  }

  close(): void {
    this.subscription?.then((subscription) => subscription.unsubscribe()).catch(() => {});
  }

  /** Gives one socket, or all of them, an update that did not come over the bus. */
  tell(update: StateUpdate, listeners: Iterable<Listener> = this.listeners): void {
    const encoded = new Encoded(update, toBinary(StateUpdateSchema, update));
    if (update.epoch > this.epoch) this.epoch = update.epoch;
    for (const listener of listeners) listener.send(update, encoded);
  }

  private take(data: Uint8Array): void {
    if (this.listeners.size === 0) return;
    const update = decodeUpdate(data);
    // Whoever was the owner before may still have had something to say.
    if (update.epoch < this.epoch) return;
    const isNewOwner = update.epoch > this.epoch && this.epoch > 0n;
    this.epoch = update.epoch;
    const encoded = new Encoded(update, data);
    for (const listener of this.listeners) listener.send(update, encoded);
    if (isNewOwner) this.onNewOwner(this);
    if (update.kind === UpdateKind.REMOVED) this.onRemoved(this);
  }
}
