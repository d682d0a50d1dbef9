import cors from "cors";
import type { RequestHandler } from "express";
import { ConfigError } from "../config.js";
import { AppError } from "../errors.js";

/** Which pages may use a service: all (development), or those of a list. */
export class Origins {
  private readonly listed: ReadonlySet<string> | undefined;

  /**
   * @param allowed origins as browsers send them, such as `https://admin.example.com`; `undefined` or `*` allows all.
   * @throws ConfigError that names an entry which is no origin.
   */
  constructor(allowed: readonly string[] | undefined) {
    this.listed = allowed === undefined || allowed.includes("*") ? undefined : new Set(allowed.map(asOrigin));
  }

  /** Every page may. No credentials go with that: a cookie would make each page on the web act as its user. */
  get areOpen(): boolean {
    return this.listed === undefined;
  }

  /**
   * Whether a page of this origin may. Programs send no origin; keeping them out is the job of credentials.
   *
   * @param host the request's `Host`: the service's own pages need not be listed.
   */
  allows(origin: string | undefined, host: string | undefined): boolean {
    if (origin === undefined || this.listed === undefined || this.listed.has(origin)) return true;
    return host !== undefined && URL.parse(origin)?.host === host;
  }

  /** @throws AppError `ORIGIN_NOT_ALLOWED` (403) */
  demand(origin: string | undefined, host: string | undefined): void {
    if (!this.allows(origin, host)) throw new AppError("ORIGIN_NOT_ALLOWED", "This origin is not in ALLOWED_ORIGINS.");
  }
}

/** `https://Example.com:443/` → `https://example.com`, as browsers write it. */
function asOrigin(entry: string): string {
  const url = URL.parse(entry);
  const isOrigin = url !== null && /^https?:$/.test(url.protocol) && `${url.search}${url.hash}` === "";
  if (!isOrigin || url.pathname !== "/" || url.username !== "")
    throw new ConfigError(
      `The configuration is wrong: ALLOWED_ORIGINS: "${entry}" is no origin such as https://admin.example.com.`,
    );
  return url.origin;
}

/** What a page may see of an answer beside the body. */
const EXPOSED = ["Location", "Retry-After", "RateLimit", "RateLimit-Policy"];
/** How long a browser may remember the answer to a preflight; more than two hours is cut down by browsers anyway. */
const PREFLIGHT_SECONDS = 600;
const SAFE = new Set(["GET", "HEAD"]);

/**
 * CORS. A listed origin is named in the answer and may send credentials; with open origins the answer is `*`, without
 * credentials. An origin that is not listed can read nothing, and what would change something is refused before it
 * happens, since browsers send simple requests without asking first.
 */
export function crossOrigin(origins: Origins): RequestHandler {
  const common = { exposedHeaders: EXPOSED, maxAge: PREFLIGHT_SECONDS };
  if (origins.areOpen) return cors({ ...common, origin: "*" });
  const listed = cors({ ...common, origin: true, credentials: true });
  return (request, response, next) => {
    response.vary("Origin");
    const { origin, host } = request.headers;
    if (origin === undefined) next();
    else if (origins.allows(origin, host)) listed(request, response, next);
    else if (SAFE.has(request.method)) next();
    else origins.demand(origin, host);
  };
}
