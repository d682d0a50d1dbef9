import {
  type Bus,
  BusError,
  type BusHandler,
  type BusMessage,
  type BusState,
  type BusSubscription,
  type SubscribeOptions,
} from "./bus.js";
import { isPattern, matches } from "./subjects.js";

interface Listener {
  readonly subject: string;
  readonly handler: BusHandler;
  readonly queue: string | undefined;
}

/** The bus of a single process. Handlers run after the publisher's turn, in the order of publishing. */
export class MemoryBus implements Bus {
  state: BusState = "connected";
  private readonly exact = new Map<string, Set<Listener>>();
  private readonly patterns = new Set<Listener>();
  private readonly stateListeners = new Set<(state: BusState) => void>();
  private waiting: BusMessage[] = [];
  /** Whose turn it is in each queue. */
  private turn = 0;

  /** @param onError hears what a handler throws; without it that is an uncaught exception, as of any event handler. */
  constructor(private readonly onError?: (error: unknown) => void) {}

  onState(listener: (state: BusState) => void): void {
    this.stateListeners.add(listener);
  }

  publish(subject: string, data: Uint8Array): void {
    this.enqueue({ subject, data, respond: () => {} });
  }

  async subscribe(subject: string, handler: BusHandler, { queue }: SubscribeOptions = {}): Promise<BusSubscription> {
    const listener: Listener = { subject, handler, queue };
    const set = isPattern(subject) ? this.patterns : (this.exact.get(subject) ?? new Set());
    set.add(listener);
    if (set !== this.patterns) this.exact.set(subject, set);
    return {
      unsubscribe: () => {
        set.delete(listener);
        if (set !== this.patterns && set.size === 0 && this.exact.get(subject) === set) this.exact.delete(subject);
      },
    };
  }

  request(subject: string, data: Uint8Array, { timeoutMs }: { timeoutMs: number }): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.state === "closed") return reject(new BusError("UNAVAILABLE", "The bus is closed."));
      if (this.listenersOf(subject).length === 0)
        return reject(new BusError("NO_RESPONDERS", `Nobody listens on ${subject}.`));
      const timer = setTimeout(
        () => reject(new BusError("TIMEOUT", `${subject} did not answer within ${timeoutMs} ms.`)),
        timeoutMs,
      );
      const respond = (answer: Uint8Array) => {
        clearTimeout(timer);
        resolve(answer);
      };
      return this.enqueue({ subject, data, respond });
    });
  }

  async close(): Promise<void> {
    if (this.state === "closed") return;
    this.deliver();
    this.state = "closed";
    for (const listener of this.stateListeners) listener("closed");
    this.exact.clear();
    this.patterns.clear();
  }

  private enqueue(message: BusMessage): void {
    if (this.state === "closed") return;
    this.waiting.push(message);
    if (this.waiting.length === 1) queueMicrotask(() => this.deliver());
  }

  private deliver(): void {
    while (this.waiting.length > 0) {
      const messages = this.waiting;
      this.waiting = [];
      for (const message of messages)
        for (const { handler } of this.listenersOf(message.subject)) {
          try {
            handler(message);
          } catch (error) {
            if (this.onError === undefined)
              queueMicrotask(() => {
                throw error;
              });
            else this.onError(error);
          }
        }
    }
  }

  /** Everybody who gets a message now: all without a queue, and one of each queue. */
  private listenersOf(subject: string): Listener[] {
    const exact = this.exact.get(subject);
    const found = exact === undefined ? [] : [...exact];
    for (const listener of this.patterns) if (matches(listener.subject, subject)) found.push(listener);
    if (!found.some(({ queue }) => queue !== undefined)) return found;
    const queues = new Map<string, Listener[]>();
    for (const listener of found)
      if (listener.queue !== undefined) queues.set(listener.queue, [...(queues.get(listener.queue) ?? []), listener]);
    this.turn += 1;
    const chosen = [...queues.values()].flatMap((members) => members[this.turn % members.length] ?? []);
    return [...found.filter(({ queue }) => queue === undefined), ...chosen];
  }
}
