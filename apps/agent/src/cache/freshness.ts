/** What an answer said about how long it may be used again. */
export interface CacheHeaders {
  cacheControl?: string | undefined;
  /** Seconds that it had been in caches on the way. */
  age?: string | undefined;
}

/** However long a server says, it is asked again after a day. */
const MAX_FRESH_MS = 86_400_000;

/** Whether an answer may be kept at all (RFC 9111, section 3). Only who has the whole address gets it again, so `private` may. */
export const mayBeKept = ({ cacheControl = "" }: CacheHeaders): boolean => !hasDirective(cacheControl, "no-store");

/** How long it may be used without asking, in milliseconds (RFC 9111, section 4.2); never by guessing. */
export function freshMs({ cacheControl = "", age = "" }: CacheHeaders): number {
  if (hasDirective(cacheControl, "no-cache") || hasDirective(cacheControl, "no-store")) return 0;
  const seconds = /(?:^|[,\s])max-age\s*=\s*"?(\d{1,10})/i.exec(cacheControl)?.[1];
  if (seconds === undefined) return 0;
  const left = Number(seconds) - (/^\d{1,10}$/.test(age) ? Number(age) : 0);
  return Math.min(MAX_FRESH_MS, Math.max(0, left * 1000));
}

const hasDirective = (header: string, name: string): boolean =>
  new RegExp(`(?:^|[,\\s])${name}(?:$|[,\\s=])`, "i").test(header);
