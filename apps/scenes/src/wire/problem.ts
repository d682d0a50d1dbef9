import { create, type Problem, ProblemSchema } from "@stream-control/proto/scenes";
import { AppError, ERRORS, type ErrorCode } from "@stream-control/service-kit";

/** An error as it goes over the bus. */
export function problemOf(error: AppError): Problem {
  const action =
    typeof error.details === "object" && error.details !== null && "action" in error.details
      ? Number(error.details.action)
      : undefined;
  return create(ProblemSchema, {
    ...{ code: error.code, message: error.message, retryable: error.retryable },
    ...(action === undefined ? {} : { action }),
  });
}

/** An error as it came over the bus; one with a code that is not known here is somebody's internal error. */
export function errorOf({ code, message, action }: Problem): AppError {
  const known: ErrorCode = Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : "INTERNAL_ERROR";
  return new AppError(known, message, action === undefined ? {} : { details: { action } });
}
