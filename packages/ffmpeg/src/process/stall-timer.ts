/** When nothing new counts as a stall. */
export interface StallTimerOptions {
  /** Milliseconds that the first frame may take. */
  startTimeoutMs: number;
  /** Milliseconds that every later frame may take. */
  stallTimeoutMs: number;
  /** Called once. */
  onStall: (stall: { afterMs: number; started: boolean }) => void;
}

/** Watches a frame counter: only a number higher than before counts as life, not that reports keep coming. */
export class StallTimer {
  private timer: NodeJS.Timeout | undefined;
  private highest = 0;

  constructor(private readonly options: StallTimerOptions) {
    this.arm(options.startTimeoutMs);
  }

  feed(frame: number): void {
    if (frame <= this.highest || this.timer === undefined) return;
    this.highest = frame;
    this.arm(this.options.stallTimeoutMs);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private arm(afterMs: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.options.onStall({ afterMs, started: this.highest > 0 });
    }, afterMs);
  }
}
