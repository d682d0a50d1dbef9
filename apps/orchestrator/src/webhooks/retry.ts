import { backoffMs } from "@stream-control/service-kit";

/** How a receiver is tried again. Milliseconds. */
export interface RetryOptions {
  retryBaseMs: number;
  retryMaxMs: number;
  random?: () => number;
}

/** Beyond it a receiver's wish is not followed: nothing is tried for longer anyway. */
const LONGEST_WISH_MS = 86_400_000;

/** The pause before the next try, after so many. */
export const pauseMs = (attempts: number, { retryBaseMs, retryMaxMs, random }: RetryOptions): number =>
  backoffMs(attempts, { baseMs: retryBaseMs, maxMs: retryMaxMs, ...(random === undefined ? {} : { random }) });

/**
 * What a receiver says in `Retry-After` (RFC 9110 §10.2.3): seconds, or a moment.
 *
 * @returns milliseconds from now, at most a day; undefined where it says nothing that can be read.
 */
export function retryAfterMs(header: string | undefined, now: Date): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : httpDateMs(text, now);
  return ms === undefined ? undefined : Math.min(Math.max(0, ms), LONGEST_WISH_MS);
}

function httpDateMs(text: string, now: Date): number | undefined {
  // Date.parse also takes much that is no date of HTTP; all of these begin with the name of a day.
  const at = /^[A-Z][a-z]{2,8},? /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : at - now.getTime();
}
