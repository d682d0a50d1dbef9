/** How strongly level, trend and season follow what is seen. */
export interface Smoothing {
  readonly alpha: number;
  readonly beta: number;
  readonly gamma: number;
}

/** Part of the trend that is left after a step: what grows does not grow for ever. */
const DAMPING = 0.9;
const ALPHAS = [0.05, 0.15, 0.3, 0.5];
const BETAS = [0, 0.02, 0.1];
const GAMMAS = [0.05, 0.15, 0.3];

/**
 * Exponential smoothing with a damped trend and an additive season (Holt and Winters); with a season of 1, without one. It is given
 * one value after another and can say at any moment what it expects of the next ones.
 */
export class Smoother {
  private level: number;
  private trend = 0;
  private readonly season: number[];
  private step = 0;

  /** @param first values that it starts from: a whole season at least. */
  constructor(
    private readonly length: number,
    private readonly by: Smoothing,
    first: readonly number[],
  ) {
    const whole = first.length - (first.length % length) || first.length;
    const used = first.slice(0, Math.max(whole, 1));
    this.level = used.reduce((sum, value) => sum + value, 0) / Math.max(1, used.length);
    this.season = Array.from({ length }, (_, phase) => {
      if (length === 1) return 0;
      const same = used.filter((_value, index) => index % length === phase);
      return same.reduce((sum, value) => sum + value - this.level, 0) / Math.max(1, same.length);
    });
    this.step = first.length;
  }

  /** What is expected `ahead` steps from now; 1 is the next one. */
  expected(ahead: number): number {
    const trend = (this.trend * DAMPING * (1 - DAMPING ** ahead)) / (1 - DAMPING);
    return Math.max(0, this.level + trend + this.phase(ahead - 1));
  }

  /** The sum of the next ones. */
  expectedSum(steps: number): number {
    let sum = 0;
    for (let ahead = 1; ahead <= steps; ahead += 1) sum += this.expected(ahead);
    return sum;
  }

  see(value: number): void {
    const { alpha, beta, gamma } = this.by;
    const place = this.step % this.length;
    const season = this.season[place] ?? 0;
    const before = this.level;
    const carried = this.level + DAMPING * this.trend;
    this.level = alpha * (value - season) + (1 - alpha) * carried;
    this.trend = beta * (this.level - before) + (1 - beta) * DAMPING * this.trend;
    if (this.length > 1) this.season[place] = gamma * (value - this.level) + (1 - gamma) * season;
    this.step += 1;
  }

  private phase(ahead: number): number {
    return this.season[(this.step + ahead) % this.length] ?? 0;
  }
}

/** The smoothing that would have expected each next value best, in squares. */
export function fitted(values: readonly number[], length: number): Smoothing {
  const start = startOf(values, length);
  let best: Smoothing = { alpha: 0.15, beta: 0, gamma: 0.15 };
  let least = Number.POSITIVE_INFINITY;
  for (const alpha of ALPHAS)
    for (const beta of BETAS)
      for (const gamma of length === 1 ? [0] : GAMMAS) {
        const smoother = new Smoother(length, { alpha, beta, gamma }, values.slice(0, start));
        let error = 0;
        for (const value of values.slice(start)) {
          error += (value - smoother.expected(1)) ** 2;
          smoother.see(value);
        }
        if (error >= least) continue;
        least = error;
        best = { alpha, beta, gamma };
      }
  return best;
}

/** Values that a smoother starts from: two seasons, or a few where there is none. */
export const startOf = (values: readonly number[], length: number): number =>
  Math.min(values.length, length === 1 ? 6 : 2 * length);
