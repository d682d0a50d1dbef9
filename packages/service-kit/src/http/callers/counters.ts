import { LRUCache } from "lru-cache";

/** Callers that are remembered at once; the one that was quiet for longest is forgotten for a new one. */
const MAX_CALLERS = 50_000;

/** How often something happened in the present window, per key. Fixed windows that begin with a key's first event. */
export class WindowCounters {
  private readonly windows: LRUCache<string, { count: number }>;

  constructor(
    readonly windowMs: number,
    maxKeys = MAX_CALLERS,
  ) {
    this.windows = new LRUCache({ max: maxKeys, ttl: windowMs });
  }

  /** @returns the count with this event, and the milliseconds until it starts anew. */
  add(key: string, events = 1): { count: number; endsInMs: number } {
    const window = this.windows.get(key);
    if (window === undefined) {
      this.windows.set(key, { count: events });
      return { count: events, endsInMs: this.windowMs };
    }
    window.count += events;
    return { count: window.count, endsInMs: this.windows.getRemainingTTL(key) };
  }

  /** @returns the same without an event. */
  look(key: string): { count: number; endsInMs: number } {
    return { count: this.windows.get(key)?.count ?? 0, endsInMs: this.windows.getRemainingTTL(key) };
  }

  forget(key: string): void {
    this.windows.delete(key);
  }

  get size(): number {
    return this.windows.size;
  }
}
