import type { Bus, BusState } from "./bus.js";
import type { LeaseKeeper } from "./lease.js";

/** A message as a carrier hands it up; `respond` is there where an answer is waited for. */
export interface Carried {
  subject: string;
  text: string;
  respond?: (text: string) => Promise<void>;
}

/** Who receives: `hasRoom` lets a carrier that chooses among a queue pass over one that is full. */
export interface Receiver {
  hasRoom(): boolean;
  take(message: Carried): void;
}

/** What differs between memory, NATS and Redis. Everything else is {@link CarriedBus}. */
export interface Carrier {
  readonly kind: Bus["kind"];
  readonly state: BusState;
  onState(listener: (state: BusState) => void): void;
  readonly leases: LeaseKeeper;
  send(subject: string, text: string): Promise<void>;
  /** @throws BusError `NO_RESPONDERS` or `TIMEOUT`. */
  request(subject: string, text: string, timeoutMs: number): Promise<string>;
  /** Resolves once the broker knows; the returned function ends it. */
  listen(pattern: string, queue: string | undefined, receiver: Receiver): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** Keeps a state and tells who listens of its changes. */
export class StateHolder {
  private current: BusState = "connected";
  private readonly listeners = new Set<(state: BusState) => void>();

  get value(): BusState {
    return this.current;
  }

  set(state: BusState): void {
    if (state === this.current || this.current === "closed") return;
    this.current = state;
    for (const listener of this.listeners) listener(state);
  }

  listen(listener: (state: BusState) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
