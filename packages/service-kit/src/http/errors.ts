import type { ErrorBody } from "@stream-control/protocol";
import type { ErrorRequestHandler, RequestHandler } from "express";
import { AppError, type ErrorCode, toError } from "../errors.js";
import type { Logger } from "../logger.js";

/** The one place where an error becomes an answer: `{error, code, details?}`. */
export function errorBody(error: AppError): ErrorBody {
  return { error: error.message, code: error.code, ...(error.details === undefined ? {} : { details: error.details }) };
}

/** Answers a path that no route has. */
export const routeNotFound: RequestHandler = (request) => {
  throw new AppError("ROUTE_NOT_FOUND", `There is no ${request.method} ${request.path}.`);
};

const RETRY_AFTER_SECONDS = 2;

/** An error that says when the caller may come again. */
export function tooMany(waitMs: number, message = "Too many tries from this caller."): AppError {
  const retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1000));
  return new AppError("RATE_LIMITED", `${message} Try again in ${retryAfterSeconds} s.`, {
    details: { retryAfterSeconds },
  });
}

/** Seconds until it makes sense to try again (RFC 9110 §10.2.3), where that is known. */
export function retryAfterOf({ status, details }: AppError): number | undefined {
  if (typeof details === "object" && details !== null && "retryAfterSeconds" in details)
    return Number(details.retryAfterSeconds);
  // Where it is the service's own state that has to change first.
  return status === 503 ? RETRY_AFTER_SECONDS : undefined;
}

/**
 * Last middleware of an app: known errors become their answer, unknown ones are logged and become a plain 500.
 *
 * @param bodyOf for routes whose clients expect another shape.
 */
export function errorHandler(logger: Logger, bodyOf: (error: AppError) => object = errorBody): ErrorRequestHandler {
  return (thrown, request, response, next) => {
    const error = asAppError(thrown);
    if (error.status >= 500)
      logger.error({ err: toError(thrown), method: request.method, path: request.path }, "request failed");
    if (response.headersSent) {
      // The answer has begun: all that is left is to let express cut the connection, so that nobody takes it for whole.
      next(thrown);
      return;
    }
    const seconds = retryAfterOf(error);
    if (seconds !== undefined) response.set("Retry-After", String(seconds));
    if (error.status === 401) response.set("WWW-Authenticate", "Bearer");
    response.status(error.status).json(bodyOf(error));
  };
}

/** body-parser's own errors carry a `type`: https://github.com/expressjs/body-parser#errors */
const BODY_ERRORS: Record<string, { code: ErrorCode; message: string }> = {
  "entity.parse.failed": { code: "INVALID_JSON", message: "The body is not valid JSON." },
  "entity.too.large": { code: "PAYLOAD_TOO_LARGE", message: "The body is too large." },
  "json.shape.refused": {
    code: "INVALID_JSON",
    message: "The body is refused: it is nested too deeply or has too many values.",
  },
  "encoding.unsupported": { code: "UNSUPPORTED_MEDIA_TYPE", message: "The body's encoding is not supported." },
  "charset.unsupported": { code: "UNSUPPORTED_MEDIA_TYPE", message: "The body's character set is not supported." },
  "request.aborted": { code: "INVALID_REQUEST", message: "The request was cut off." },
  "request.size.invalid": { code: "INVALID_REQUEST", message: "The body's size differs from its header." },
};

/** Whatever was thrown, as an error of the catalogue. */
export function asAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  if (thrown instanceof URIError)
    return new AppError("INVALID_REQUEST", "The address is not valid.", { cause: thrown });
  const type = typeof thrown === "object" && thrown !== null && "type" in thrown ? String(thrown.type) : "";
  const known = BODY_ERRORS[type];
  if (known !== undefined) return new AppError(known.code, known.message, { cause: thrown });
  if (isCallersFault(thrown)) return new AppError("INVALID_REQUEST", "The request cannot be read.", { cause: thrown });
  return new AppError("INTERNAL_ERROR", "Something went wrong inside; the log has the detail.", { cause: thrown });
}

/** What express and its parsers blame the request for has a status, such as a body that is not gzip as its header says. */
const isCallersFault = (thrown: unknown): boolean =>
  thrown instanceof Error &&
  "status" in thrown &&
  typeof thrown.status === "number" &&
  thrown.status >= 400 &&
  thrown.status < 500;
