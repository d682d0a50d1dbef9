import type { Configuration } from "@stream-control/protocol";
import { asSystem } from "@stream-control/service-kit/http";
import type { Settings } from "./settings.js";

/** Something that is done again and again, after pauses that operators may set; another one counts at once. */
export class Repeated {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private unfollow: (() => void) | undefined;

  constructor(
    private readonly settings: Settings,
    private readonly pauseMs: (now: Configuration) => number,
    /** Must not reject. */
    private readonly act: () => void | Promise<void>,
  ) {}

  start(): void {
    this.unfollow = this.settings.onChange((now, before) => {
      if (this.pauseMs(now) !== this.pauseMs(before)) this.arm();
    });
    this.arm();
  }

  /** Resolves when nothing is being done any more. */
  async stop(): Promise<void> {
    this.unfollow?.();
    clearTimeout(this.timer);
    this.timer = undefined;
    await this.running;
  }

  private arm(): void {
    clearTimeout(this.timer);
    const timer = setTimeout(() => {
      this.running = Promise.resolve(asSystem(this.act)).then(() => {
        if (this.timer === timer) this.arm();
      });
    }, this.pauseMs(this.settings.current));
    timer.unref();
    this.timer = timer;
  }
}
