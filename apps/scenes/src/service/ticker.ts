/** Something that is to happen at a moment. */
export interface Tick {
  /** Milliseconds since 1970. */
  dueMs: number;
  fire(nowMs: number): void;
}

export interface TickerOptions {
  now: () => number;
  /** Hears how late each tick was. */
  onLate?: (lateMs: number) => void;
}

/** How long ticks may run on end before sockets get their turn. */
const TURN_MS = 8;

/**
 * One timer for the ticks of every timeline: a heap of what is due. So thousands of timelines cost one wake-up per millisecond at
 * most, and a timeline that waits for nothing costs nothing.
 */
export class Ticker {
  private readonly heap: Tick[] = [];
  private timer: NodeJS.Timeout | undefined;
  private turn: NodeJS.Immediate | undefined;
  private wakesAtMs = Number.POSITIVE_INFINITY;
  private stopped = false;
  private running = false;

  constructor(private readonly options: TickerOptions) {}

  /** @returns what takes it back. A tick that was taken back stays in the heap until it would have been due, and does nothing then. */
  at(dueMs: number, fire: (nowMs: number) => void): Scheduled {
    const tick = new Scheduled(dueMs, fire);
    this.push(tick);
    // What is fired plans its next tick: one timer is set when all of them are through.
    if (!this.running && dueMs < this.wakesAtMs) this.wake();
    return tick;
  }

  /** What waits, with what was taken back and is not gone yet. */
  get size(): number {
    return this.heap.length;
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    clearImmediate(this.turn);
    this.heap.length = 0;
  }

  private wake(): void {
    const first = this.heap[0];
    if (first === undefined || this.stopped) return;
    clearTimeout(this.timer);
    this.wakesAtMs = first.dueMs;
    this.timer = setTimeout(() => this.run(), Math.min(MAX_TIMER_MS, Math.max(0, first.dueMs - this.options.now())));
  }

  private run(): void {
    this.wakesAtMs = Number.POSITIVE_INFINITY;
    this.running = true;
    try {
      if (this.fireDue()) this.wake();
      // The rest comes when sockets had their turn.
      else this.turn = setImmediate(() => this.run());
    } finally {
      this.running = false;
    }
  }

  /** @returns false where more is due than may run on end. */
  private fireDue(): boolean {
    const { now, onLate } = this.options;
    const untilMs = performance.now() + TURN_MS;
    for (let tick = this.heap[0]; tick !== undefined; tick = this.heap[0]) {
      const nowMs = now();
      if (tick.dueMs > nowMs) break;
      if (performance.now() > untilMs) return false;
      this.pop();
      if (tick instanceof Scheduled && tick.cancelled) continue;
      onLate?.(nowMs - tick.dueMs);
      tick.fire(nowMs);
      if (this.stopped) return true;
    }
    return true;
  }

  private push(tick: Tick): void {
    const { heap } = this;
    let index = heap.push(tick) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || above.dueMs <= tick.dueMs) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = tick;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      let below = heap[child];
      const right = heap[child + 1];
      if (below === undefined) break;
      if (right !== undefined && right.dueMs < below.dueMs) {
        child += 1;
        below = right;
      }
      if (below.dueMs >= last.dueMs) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = last;
  }
}

/** A tick that can be taken back. */
export class Scheduled implements Tick {
  cancelled = false;

  constructor(
    readonly dueMs: number,
    readonly fire: (nowMs: number) => void,
  ) {}

  cancel(): void {
    this.cancelled = true;
  }
}

/** Longer timers overflow (https://nodejs.org/api/timers.html#settimeoutcallback-delay-args). */
const MAX_TIMER_MS = 2_147_483_647;
