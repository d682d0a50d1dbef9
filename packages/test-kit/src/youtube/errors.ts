/** What YouTube answers with for each reason that its error pages document, and what it says about it. */
const DOCUMENTED = {
  liveStreamingNotEnabled: [403, "The user is not enabled for live streaming."],
  livePermissionBlocked: [403, "The user is blocked from live streaming."],
  insufficientLivePermissions: [403, "The request is not authorized to create the live resource."],
  insufficientPermissions: [403, "Request had insufficient authentication scopes."],
  invalidTransition: [403, "The live broadcast can't transition from its current status to the requested status."],
  redundantTransition: [
    403,
    "The live broadcast is already in the requested status or processing its way to that status.",
  ],
  errorStreamInactive: [403, "The stream that is bound to the video is not active."],
  errorExecutingTransition: [500, "An error occurred while changing the broadcast's status."],
  backendError: [500, "Backend Error"],
  concurrentBroadcastsExceedLimit: [403, "The user has too many concurrent broadcasts."],
  sharedIngestionBroadcastsExceedLimit: [403, "Too many live broadcasts use the same ingestion."],
  userBroadcastsExceedLimit: [403, "The user has too many live or scheduled broadcasts."],
  userRequestsExceedRateLimit: [403, "The user has sent too many requests in a given timeframe."],
  rateLimitExceeded: [403, "Rate Limit Exceeded"],
  quotaExceeded: [403, "The request cannot be completed because you have exceeded your quota."],
  liveBroadcastNotFound: [404, "The broadcast specified in the request does not exist."],
  liveStreamNotFound: [404, "The stream specified in the request does not exist."],
  liveBroadcastBindingNotAllowed: [403, "The current status of the live broadcast does not allow it to be bound."],
  liveBroadcastDeletionNotAllowed: [403, "The broadcast cannot be deleted in its current status."],
  liveStreamDeletionNotAllowed: [403, "The stream is bound to a broadcast that has not been completed."],
  invalidScheduledStartTime: [
    400,
    "The scheduled start time must be in the future and close enough to the current date.",
  ],
  scheduledStartTimeRequired: [400, "The scheduled start time is required."],
  invalidAutoStart: [400, "The value of enableAutoStart is not valid."],
  invalidAutoStop: [400, "The value of enableAutoStop is not valid."],
  titleRequired: [400, "The title is required."],
  invalidTitle: [400, "The title is not valid."],
  invalidDescription: [400, "The description is not valid."],
  privacyStatusRequired: [400, "The privacy status is required."],
  invalidPrivacyStatus: [400, "The privacy status is not valid."],
  idRequired: [400, "The id is required."],
  statusRequired: [400, "The status is required."],
  ingestionTypeRequired: [400, "The ingestion type is required."],
  resolutionRequired: [400, "The resolution is required."],
  frameRateRequired: [400, "The frame rate is required."],
  incompatibleParameters: [400, "The request specifies parameters that can't be used together."],
  missingRequiredParameter: [400, "The request is missing a required parameter."],
  unknownPart: [400, "A part of the part parameter is not known."],
  enableMonitorStreamModificationNotAllowed: [403, "The monitor stream can't be changed in the current status."],
  authError: [401, "Request had invalid authentication credentials."],
  notFound: [404, "Not found."],
} as const satisfies Record<string, readonly [status: number, message: string]>;

/** A reason that YouTube gives for a refusal. */
export type YouTubeReason = keyof typeof DOCUMENTED;

/** A refusal, as the fake's parts throw it. */
export class Refusal extends Error {
  readonly status: number;

  constructor(
    readonly reason: YouTubeReason,
    status?: number,
  ) {
    super(DOCUMENTED[reason][1]);
    this.status = status ?? DOCUMENTED[reason][0];
  }

  /** The documented body of an error. */
  body(): object {
    const domain = this.reason === "quotaExceeded" ? "youtube.quota" : "youtube.liveBroadcast";
    return {
      error: {
        code: this.status,
        message: this.message,
        errors: [
          { domain, reason: this.reason, message: this.message, extendedHelp: "https://developers.google.com/" },
        ],
        status: this.status === 404 ? "NOT_FOUND" : this.status >= 500 ? "INTERNAL" : "PERMISSION_DENIED",
      },
    };
  }
}
