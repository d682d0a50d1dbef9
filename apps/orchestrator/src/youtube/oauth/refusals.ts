import { AppError } from "@stream-control/service-kit";
import { type FailureKind, YouTubeError } from "../api/errors.js";

const CODES = {
  retry: "YOUTUBE_UNAVAILABLE",
  quota: "YOUTUBE_QUOTA_EXCEEDED",
  state: "YOUTUBE_REFUSED",
  gone: "NOT_FOUND",
  refused: "YOUTUBE_REFUSED",
  reconnect: "YOUTUBE_NOT_CONNECTED",
  disconnected: "YOUTUBE_NOT_CONNECTED",
} as const satisfies Record<FailureKind, string>;

export const notConfigured = (): AppError =>
  new AppError(
    "YOUTUBE_NOT_CONFIGURED",
    "YouTube is not configured; set YOUTUBE_CLIENT_ID and YOUTUBE_CLIENT_SECRET and restart.",
  );

/** A failure of YouTube's as an answer to whoever asked for it. */
export function toAppError(thrown: unknown): unknown {
  if (!(thrown instanceof YouTubeError)) return thrown;
  const { kind, reason, message, retryAfterMs } = thrown;
  const wait = retryAfterMs === undefined ? {} : { retryAfterSeconds: Math.ceil(retryAfterMs / 1000) };
  return new AppError(CODES[kind], message, { details: { reason, ...wait }, cause: thrown });
}
