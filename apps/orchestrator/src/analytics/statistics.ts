/** What a set of durations looks like, in milliseconds. */
export interface Spread {
  readonly average: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** @returns null where there are none. */
export function spreadOf(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part: number) => Math.round(quantile(sorted, part));
  return { average: Math.round(mean(sorted)), p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

/** The value below which that part of the sorted values lies, between its two neighbours (R's type 7). */
export function quantile(sorted: readonly number[], part: number): number {
  const place = (sorted.length - 1) * part;
  const below = sorted[Math.floor(place)] ?? 0;
  const above = sorted[Math.ceil(place)] ?? below;
  return below + (above - below) * (place - Math.floor(place));
}

export const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
