/**
 * The one catalogue of errors that cross an edge: what HTTP status a code has, and whether the same call may succeed
 * later without a change.
 */
export const ERRORS = {
  INVALID_JSON: { status: 400, retryable: false },
  INVALID_REQUEST: { status: 400, retryable: false },
  VALIDATION_FAILED: { status: 422, retryable: false },
  PAYLOAD_TOO_LARGE: { status: 413, retryable: false },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, retryable: false },
  NOT_FOUND: { status: 404, retryable: false },
  ROUTE_NOT_FOUND: { status: 404, retryable: false },
  JOB_NOT_FOUND: { status: 404, retryable: false },
  AGENT_NOT_FOUND: { status: 404, retryable: false },
  TEMPLATE_NOT_FOUND: { status: 404, retryable: false },
  TEMPLATE_EXISTS: { status: 409, retryable: false },
  TEMPLATE_BUILT_IN: { status: 409, retryable: false },
  JOB_NOT_RUNNING: { status: 409, retryable: true },
  JOB_ENDED: { status: 409, retryable: false },
  JOB_STARTED: { status: 409, retryable: false },
  JOB_NOT_ENDED: { status: 409, retryable: true },
  AGENT_OFFLINE: { status: 409, retryable: true },
  AGENT_REFUSED: { status: 422, retryable: false },
  AGENT_BUSY: { status: 409, retryable: true },
  NO_AGENT_TO_PROBE: { status: 409, retryable: true },
  SOURCE_UNREADABLE: { status: 422, retryable: true },
  AGENT_TIMEOUT: { status: 504, retryable: true },
  NOT_SUPPORTED: { status: 409, retryable: false },
  DESTINATION_EXISTS: { status: 409, retryable: false },
  UNAUTHENTICATED: { status: 401, retryable: false },
  FORBIDDEN: { status: 403, retryable: false },
  CSRF_FAILED: { status: 403, retryable: false },
  RATE_LIMITED: { status: 429, retryable: true },
  IDEMPOTENCY_KEY_IN_USE: { status: 409, retryable: false },
  IDENTITY_PROVIDER_FAILED: { status: 502, retryable: true },
  BROADCAST_NOT_FOUND: { status: 404, retryable: false },
  BROADCAST_IN_USE: { status: 409, retryable: false },
  NO_AGENT_TO_RESERVE: { status: 409, retryable: true },
  YOUTUBE_NOT_CONFIGURED: { status: 409, retryable: false },
  YOUTUBE_NOT_CONNECTED: { status: 409, retryable: false },
  YOUTUBE_REFUSED: { status: 422, retryable: false },
  YOUTUBE_UNAVAILABLE: { status: 502, retryable: true },
  YOUTUBE_QUOTA_EXCEEDED: { status: 429, retryable: true },
  WEBHOOK_DISABLED: { status: 409, retryable: false },
  TOO_MANY_WEBHOOKS: { status: 409, retryable: false },
  EVENT_PRUNED: { status: 409, retryable: false },
  RENDER_FAILED: { status: 422, retryable: false },
  RENDER_INTERRUPTED: { status: 503, retryable: true },
  LINK_INVALID: { status: 403, retryable: false },
  LINK_EXPIRED: { status: 403, retryable: false },
  RENDERS_UNAVAILABLE: { status: 409, retryable: false },
  TIMELINE_NOT_FOUND: { status: 404, retryable: false },
  TIMELINE_EXISTS: { status: 409, retryable: false },
  TIMELINE_NOT_RUNNING: { status: 409, retryable: false },
  TIMELINE_RUNNING: { status: 409, retryable: false },
  SCENE_NOT_FOUND: { status: 404, retryable: false },
  NOTHING_NEXT: { status: 409, retryable: false },
  CONDITION_FAILED: { status: 409, retryable: false },
  COMMAND_OUT_OF_TIME: { status: 409, retryable: false },
  TOO_MANY_TIMELINES: { status: 409, retryable: true },
  TOO_MANY_SUBSCRIBERS: { status: 429, retryable: true },
  TIMELINE_UNAVAILABLE: { status: 503, retryable: true },
  WORKFLOW_NOT_FOUND: { status: 404, retryable: false },
  WORKFLOW_ENDED: { status: 409, retryable: false },
  WORKFLOW_NOT_ENDED: { status: 409, retryable: true },
  STREAM_NOT_FOUND: { status: 404, retryable: false },
  STREAM_EXISTS: { status: 409, retryable: false },
  STREAM_NOT_ACTIVE: { status: 409, retryable: true },
  ILLEGAL_STATUS: { status: 409, retryable: false },
  LIVEKIT_REFUSED: { status: 502, retryable: false },
  LIVEKIT_UNAVAILABLE: { status: 503, retryable: true },
  USER_EXISTS: { status: 409, retryable: false },
  ORIGIN_NOT_ALLOWED: { status: 403, retryable: false },
  OUTSIDE_NOT_ALLOWED: { status: 403, retryable: false },
  VERSION_CONFLICT: { status: 409, retryable: false },
  PRECONDITION_FAILED: { status: 412, retryable: false },
  ANALYTICS_DISABLED: { status: 409, retryable: false },
  CIRCUIT_OPEN: { status: 503, retryable: true },
  OVERLOADED: { status: 503, retryable: true },
  UPSTREAM_TIMEOUT: { status: 504, retryable: true },
  SHUTTING_DOWN: { status: 503, retryable: true },
  STORE_UNAVAILABLE: { status: 503, retryable: true },
  INTERNAL_ERROR: { status: 500, retryable: true },
} as const satisfies Record<string, { status: number; retryable: boolean }>;

export type ErrorCode = keyof typeof ERRORS;

/** An error with a place in the catalogue. Its message is a sentence that may be shown to whoever called. */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly status: number;
  readonly retryable: boolean;

  constructor(
    readonly code: ErrorCode,
    message: string,
    options: { details?: unknown; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.status = ERRORS[code].status;
    this.retryable = ERRORS[code].retryable;
    this.details = options.details;
  }

  readonly details: unknown;
}

/** Whatever was thrown, as an Error. */
export const toError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));
