/** How pauses between tries grow. */
export interface BackoffOptions {
  /** Upper bound of the first pause. */
  baseMs: number;
  /** Upper bound of every pause. */
  maxMs: number;
  /** A source of numbers in [0, 1); `Math.random` unless given. */
  random?: () => number;
}

/**
 * The pause before try number `attempt` (1 for the first repeat): exponential with equal jitter, so that it lies
 * between half of and the whole bound. The half keeps a crash loop slow, the jitter keeps a fleet from coming back in
 * the same second.
 *
 * @returns milliseconds, whole.
 */
export function backoffMs(attempt: number, { baseMs, maxMs, random = Math.random }: BackoffOptions): number {
  const bound = Math.min(maxMs, baseMs * 2 ** Math.min(30, Math.max(0, attempt - 1)));
  return Math.round(bound / 2 + (bound / 2) * random());
}
