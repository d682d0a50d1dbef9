/** When missing pictures mean what, in milliseconds. */
export interface FrameWatchOptions {
  now: () => number;
  /** Without a picture: time to get ready. */
  falterMs: number;
  /** Without a picture: it is missing. */
  missMs: number;
  /** Without a picture: nothing more is to be hoped for. */
  stallMs: number;
  /** The first picture may take this long. */
  startMs: number;
  /** Pictures without a break for this long earn trust. */
  trustMs: () => number;
  on: (sign: "falter" | "miss" | "stall" | "late" | "trust") => void;
}

/** How often it looks. Fine enough for the grace times, and nothing against a video's own work. */
const LOOK_EVERY_MS = 25;

/**
 * Watches the pictures of one encode by the clock. It looks after what has arrived has been read: after a pause of the
 * whole process, what came meanwhile counts as seen.
 */
export class FrameWatch {
  private readonly startedAt: number;
  private readonly timer: NodeJS.Timeout;
  private lastFrameAt: number | undefined;
  private unbrokenSince: number | undefined;
  private told: "none" | "falter" | "miss" = "none";
  private ended = false;

  constructor(private readonly options: FrameWatchOptions) {
    this.startedAt = options.now();
    this.timer = setInterval(() => setImmediate(() => this.look()), LOOK_EVERY_MS);
  }

  /** Milliseconds since the last picture; undefined before the first. */
  get sinceFrameMs(): number | undefined {
    return this.lastFrameAt === undefined ? undefined : this.options.now() - this.lastFrameAt;
  }

  /** A picture came. */
  see(): void {
    const now = this.options.now();
    if (this.told === "miss") this.unbrokenSince = now;
    this.unbrokenSince ??= now;
    this.lastFrameAt = now;
    this.told = "none";
    if (this.options.trustMs() <= 0) this.trust();
  }

  /** Trust has to be earned anew. */
  distrust(): void {
    this.unbrokenSince = this.options.now();
  }

  stop(): void {
    this.ended = true;
    clearInterval(this.timer);
  }

  private look(): void {
    if (this.ended) return;
    const { now, startMs, stallMs, missMs, falterMs, trustMs, on } = this.options;
    const silentMs = this.sinceFrameMs;
    if (silentMs === undefined) {
      if (now() - this.startedAt >= startMs) on("late");
    } else if (silentMs >= stallMs) on("stall");
    else if (silentMs >= missMs) this.tell("miss");
    else if (silentMs >= falterMs) this.tell("falter");
    else if (this.unbrokenSince !== undefined && now() - this.unbrokenSince >= trustMs()) this.trust();
  }

  private tell(sign: "falter" | "miss"): void {
    if (this.told === sign) return;
    this.told = sign;
    if (sign === "miss") this.unbrokenSince = undefined;
    this.options.on(sign);
  }

  private trust(): void {
    this.options.on("trust");
  }
}
