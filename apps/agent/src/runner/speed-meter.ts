/** Over how many measurements, about a second apart, a speed is taken: single ones jump. */
const WINDOW = 5;

/** Output seconds per second of an encode, over the last few seconds; ffmpeg itself only tells it since the start. */
export class SpeedMeter {
  private samples: { at: number; outMs: number }[] = [];

  /** @returns undefined until there is enough to go by; an encode that began anew begins anew here. */
  feed(outMs: number | undefined, now: number): number | undefined {
    const last = this.samples.at(-1);
    if (outMs === undefined || (last !== undefined && outMs < last.outMs)) this.samples = [];
    if (outMs === undefined) return undefined;
    this.samples = [...this.samples, { at: now, outMs }].slice(-WINDOW - 1);
    const first = this.samples[0];
    if (first === undefined || this.samples.length <= WINDOW || now <= first.at) return undefined;
    return (outMs - first.outMs) / (now - first.at);
  }
}
