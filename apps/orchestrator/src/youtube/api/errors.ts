/**
 * What can be done about a failure. `retry`: the same call may succeed later. `quota`: not before the day's quota begins
 * anew. `state`: the broadcast is in another state than was thought; look before anything else. `gone`: what the call was
 * about is not there (any more). `refused`: it takes a person, at YouTube or here. `reconnect`: the channel has to be
 * connected anew. `disconnected`: no channel is connected.
 */
export type FailureKind = "retry" | "quota" | "state" | "gone" | "refused" | "reconnect" | "disconnected";

export interface Failure {
  kind: FailureKind;
  /** YouTube's own symbol, or one of ours. */
  reason: string;
  /** A sentence for the operator. */
  message: string;
  /** Not before this much time has passed. */
  retryAfterMs?: number | undefined;
  /** The outcome is not known: the call may have been carried out. */
  unsure?: boolean;
}

/** A call to YouTube that did not do what it was made for. Its message can be shown; nothing of the request is in it. */
export class YouTubeError extends Error {
  override readonly name = "YouTubeError";
  readonly kind: FailureKind;
  readonly reason: string;
  readonly retryAfterMs: number | undefined;
  readonly unsure: boolean;

  constructor({ kind, reason, message, retryAfterMs, unsure = false }: Failure, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
    this.unsure = unsure;
  }
}

/** What YouTube's reasons mean for an operator (https://developers.google.com/youtube/v3/live/docs/errors). */
const REASONS: Readonly<Record<string, readonly [kind: FailureKind, sentence: string]>> = {
  liveStreamingNotEnabled: [
    "refused",
    "Live streaming is not enabled for the channel; enable it at youtube.com/features (it can take a day).",
  ],
  livePermissionBlocked: ["refused", "YouTube has blocked the channel from live streaming; look into YouTube Studio."],
  insufficientLivePermissions: [
    "refused",
    "The account that was connected may not stream to this channel; connect one that may.",
  ],
  insufficientPermissions: [
    "reconnect",
    "The access that was granted does not include YouTube; connect the channel again and grant everything.",
  ],
  concurrentBroadcastsExceedLimit: ["retry", "The channel has too many broadcasts on air at once; end another one."],
  sharedIngestionBroadcastsExceedLimit: ["retry", "Too many broadcasts use the same stream key; end another one."],
  userBroadcastsExceedLimit: [
    "retry",
    "The channel has too many broadcasts; delete some in YouTube Studio, or wait a day.",
  ],
  userRequestsExceedRateLimit: ["retry", "YouTube asks for fewer requests; it is tried again more slowly."],
  rateLimitExceeded: ["retry", "YouTube asks for fewer requests; it is tried again more slowly."],
  errorStreamInactive: ["retry", "YouTube does not see the stream yet."],
  errorExecutingTransition: ["retry", "YouTube could not carry out the change; it is tried again."],
  redundantTransition: ["state", "The broadcast is there already, or on its way."],
  invalidTransition: ["state", "YouTube does not allow this change in the broadcast's state."],
  liveBroadcastBindingNotAllowed: ["state", "The broadcast is too far along to be given another stream."],
  liveBroadcastDeletionNotAllowed: ["state", "The broadcast cannot be deleted in its state."],
  liveStreamDeletionNotAllowed: ["state", "The stream still belongs to a broadcast that has not ended."],
  liveBroadcastNotFound: ["gone", "The broadcast is not there any more; somebody has deleted it at YouTube."],
  liveStreamNotFound: ["gone", "The stream is not there any more; somebody has deleted it at YouTube."],
  invalidScheduledStartTime: [
    "refused",
    "YouTube does not take the start time; it must lie in the future, and not too far.",
  ],
  titleRequired: ["refused", "YouTube wants a title."],
  invalidTitle: ["refused", "YouTube does not take the title."],
  invalidDescription: ["refused", "YouTube does not take the description."],
  authError: ["reconnect", "YouTube does not accept the access any more; connect the channel again."],
};

/** What Google's token endpoint means by its errors (RFC 6749 §5.2). */
const TOKEN_ERRORS: Readonly<Record<string, readonly [kind: FailureKind, sentence: string]>> = {
  invalid_grant: [
    "reconnect",
    "The access to the YouTube channel has expired or was revoked; connect the channel again (GET /oauth/auth-url or setup-youtube-oauth). Where it ends every seven days, publish the consent screen of the Google project first.",
  ],
  invalid_client: [
    "reconnect",
    "Google does not know the client; correct YOUTUBE_CLIENT_ID and YOUTUBE_CLIENT_SECRET and restart.",
  ],
  unauthorized_client: [
    "reconnect",
    "The refresh token belongs to another client; connect the channel again with this one.",
  ],
  redirect_uri_mismatch: [
    "refused",
    "The redirect address is not the one that the code was made for; begin again with GET /oauth/auth-url.",
  ],
};

/** A failure by the reason that YouTube gives. */
export function byReason(reason: string, status: number): Failure {
  const known = REASONS[reason];
  if (known !== undefined) return { kind: known[0], reason, message: known[1] };
  if (status >= 500 || status === 429 || status === 408)
    return {
      kind: "retry",
      reason,
      message: `YouTube has trouble of its own (${status} ${reason}); it is tried again.`,
    };
  if (reason.endsWith("ModificationNotAllowed"))
    return { kind: "refused", reason, message: "YouTube does not let this be changed once a broadcast is on its way." };
  return { kind: "refused", reason, message: `YouTube refuses the request (${status} ${reason}).` };
}

/** A failure of the token endpoint. */
export function byTokenError(error: string, status: number): Failure {
  const known = TOKEN_ERRORS[error];
  if (known !== undefined) return { kind: known[0], reason: error, message: known[1] };
  if (status >= 500 || status === 429)
    return {
      kind: "retry",
      reason: error,
      message: `Google's sign-in has trouble of its own (${status}); it is tried again.`,
    };
  return {
    kind: "reconnect",
    reason: error,
    message: `Google refuses the access (${status} ${error}); connect the channel again.`,
  };
}
