import { randomUUID } from "node:crypto";
import type { RenderErrorBody } from "@stream-control/protocol";
import type { AppError } from "@stream-control/service-kit";
import type { ClientAddresses } from "@stream-control/service-kit/http";
import type { Request, RequestHandler } from "express";

/** Below this path the answers have the shapes that clients of renders know. */
export const RENDERS_PATH = "/api/v1";

const CORRELATION_ID = "X-Correlation-ID";

/** Takes the caller's correlation id, or makes one, and gives it back with every answer. */
export const correlate: RequestHandler = (request, response, next) => {
  const given = request.get(CORRELATION_ID) ?? "";
  response.set(CORRELATION_ID, /^[\x21-\x7e]{1,128}$/.test(given) ? given : randomUUID());
  next();
};

/** Names that clients know for mistakes of a request. */
const CODES: Partial<Record<AppError["code"], string>> = {
  VALIDATION_FAILED: "INVALID_REQUEST",
  INVALID_JSON: "INVALID_REQUEST",
};

/** The body of an error: `{error: CODE, message, details?, retryable}`. */
export const renderErrorBody = ({ code, message, details, retryable }: AppError): RenderErrorBody => ({
  ...{ error: CODES[code] ?? code, message, retryable },
  ...(details === undefined ? {} : { details }),
});

/**
 * How long a caller wants to wait (RFC 7240): `Prefer: respond-async` not at all, `Prefer: wait=5` for so many seconds.
 *
 * @param usualMs what is waited unless the caller says otherwise.
 */
export function waitOf(request: Request, usualMs: number, mostMs: number): number {
  const wishes = (request.get("Prefer") ?? "").toLowerCase();
  if (/(^|[,\s])respond-async($|[,;\s])/.test(wishes) && !/wait=/.test(wishes)) return 0;
  const seconds = /(?:^|[,\s])wait=(\d{1,6})(?:$|[,;\s])/.exec(wishes)?.[1];
  return seconds === undefined ? usualMs : Math.min(mostMs, Number(seconds) * 1000);
}

/** The service's own address as its caller knows it: `https://host`. */
export const baseOf = (request: Request, addresses: ClientAddresses): string =>
  `${addresses.isSecure(request) ? "https" : "http"}://${request.get("host") ?? "localhost"}`;
