import { type YouTubePrivacy, youtubePrivacySchema } from "@stream-control/protocol";
import { ConfigError, envVar } from "@stream-control/service-kit";
import { isProtected } from "@stream-control/service-kit/oidc";
import { z } from "zod";
import type { HealthPolicy } from "./live/health.js";
import type { DueOptions } from "./schedule/due.js";

/** Where the callback of the authorization is, below the service's own address. */
export const OAUTH_PATH = "/oauth";

/** What is asked of Google: to manage the channel's broadcasts, over TLS only. It is worth the same as `…/auth/youtube`. */
export const YOUTUBE_SCOPE = "https://www.googleapis.com/auth/youtube.force-ssl";

/** Where the set-up command listens, as the credentials at Google name it. */
export const LOCAL_REDIRECT_URL = "http://localhost:3014/oauth/callback";

const address = () => z.url({ protocol: /^https?$/ });

/** Variables of the YouTube part; to be spread into the service's own. */
export const youtubeVariables = {
  YOUTUBE_CLIENT_ID: z.string().max(512).optional(),
  YOUTUBE_CLIENT_SECRET: z.string().max(4096).optional(),
  YOUTUBE_REFRESH_TOKEN: z.string().max(4096).optional(),
  YOUTUBE_REDIRECT_URL: address().default(LOCAL_REDIRECT_URL),
  YOUTUBE_AUTO_CREATE: envVar.flag().default(true),
  YOUTUBE_PRIVACY: youtubePrivacySchema.default("unlisted"),
  YOUTUBE_WAIT_MS: envVar.ms({ max: 120_000 }).default(5000),
  YOUTUBE_INGEST_PROTOCOL: z.enum(["rtmps", "rtmp"]).default("rtmps"),
  YOUTUBE_START_POLL_MS: envVar.ms({ min: 20, max: 600_000 }).default(5000),
  YOUTUBE_EDIT_DELAY_MS: envVar.ms({ max: 600_000 }).default(5000),
  YOUTUBE_POLL_MS: envVar.ms({ min: 20, max: 3_600_000 }).default(30_000),
  YOUTUBE_RETRY_BASE_MS: envVar.ms({ min: 1, max: 600_000 }).default(5000),
  YOUTUBE_RETRY_MAX_MS: envVar.ms({ min: 1, max: 3_600_000 }).default(300_000),
  YOUTUBE_UNHEALTHY_MS: envVar.ms({ max: 3_600_000 }).default(60_000),
  YOUTUBE_RESTART_UNHEALTHY: envVar.flag().default(false),
  YOUTUBE_MAX_RESTARTS: envVar.int({ max: 1000 }).default(5),
  YOUTUBE_RESERVE_MS: envVar.ms().default(900_000),
  YOUTUBE_LATE_START_MS: envVar.ms().default(1_800_000),
  YOUTUBE_QUOTA_UNITS_PER_DAY: envVar.int({ min: 1, max: 100_000_000 }).default(10_000),
  YOUTUBE_TIMEOUT_MS: envVar.ms({ min: 100, max: 120_000 }).default(15_000),
  YOUTUBE_API_URL: address().default("https://youtube.googleapis.com/"),
  YOUTUBE_AUTH_URL: address().default("https://accounts.google.com/o/oauth2/v2/auth"),
  YOUTUBE_TOKEN_URL: address().default("https://oauth2.googleapis.com/token"),
  YOUTUBE_REVOKE_URL: address().default("https://oauth2.googleapis.com/revoke"),
};

type YouTubeValues = z.infer<z.ZodObject<typeof youtubeVariables>>;

/** How fast things go. */
export interface YouTubePace {
  /** Between two looks at a broadcast that is on its way. */
  startPollMs: number;
  /** Edits that come within this time become one. */
  editDelayMs: number;
  /** Between two looks at what is on air; longer where the quota would not last. */
  pollMs: number;
  /** First and longest pause before something that failed is tried again. */
  retryBaseMs: number;
  retryMaxMs: number;
}

/** How the service speaks with YouTube. */
export interface YouTubeSettings {
  clientId: string;
  clientSecret: string;
  /** Of the environment; one that is stored wins over it. */
  refreshToken: string | undefined;
  /** Where Google leads the browser back to; must be registered there. */
  redirectUrl: string;
  /** New jobs get a broadcast unless they say otherwise. */
  autoCreate: boolean;
  /** Of new broadcasts, until an operator sets another one. */
  privacy: YouTubePrivacy;
  /** How long a job waits for its broadcast where its agent can't be given the destination later. */
  waitMs: number;
  /** Which of YouTube's addresses encoders are given. */
  ingestProtocol: "rtmps" | "rtmp";
  pace: YouTubePace;
  health: HealthPolicy;
  due: DueOptions;
  /** What Google lets the project use up each day. */
  quotaUnitsPerDay: number;
  /** How long one request may take. */
  timeoutMs: number;
  /** With a slash at its end. */
  apiUrl: string;
  authUrl: string;
  tokenUrl: string;
  revokeUrl: string;
}

/**
 * Turns the variables into settings; undefined where YouTube is not used.
 *
 * @throws ConfigError that names what is missing or does not fit.
 */
export function readYouTube(values: YouTubeValues): YouTubeSettings | undefined {
  const { YOUTUBE_CLIENT_ID: clientId, YOUTUBE_CLIENT_SECRET: clientSecret } = values;
  const { YOUTUBE_REFRESH_TOKEN: refreshToken, YOUTUBE_REDIRECT_URL: redirectUrl } = values;
  if (clientId === undefined && clientSecret === undefined && refreshToken === undefined) return undefined;
  if (clientId === undefined || clientSecret === undefined)
    throw wrong("YouTube needs YOUTUBE_CLIENT_ID and YOUTUBE_CLIENT_SECRET.");
  const addresses = {
    apiUrl: values.YOUTUBE_API_URL.replace(/\/*$/, "/"),
    authUrl: values.YOUTUBE_AUTH_URL,
    tokenUrl: values.YOUTUBE_TOKEN_URL,
    revokeUrl: values.YOUTUBE_REVOKE_URL,
  };
  // Tokens and the client's secret go there.
  for (const url of [redirectUrl, ...Object.values(addresses)])
    if (!isProtected(url)) throw wrong(`${url} must be https, other than on this machine.`);
  if (URL.parse(redirectUrl)?.pathname.endsWith(`${OAUTH_PATH}/callback`) !== true)
    throw wrong(`YOUTUBE_REDIRECT_URL must end with ${OAUTH_PATH}/callback.`);
  return {
    ...{ clientId, clientSecret, refreshToken, redirectUrl, ...addresses },
    autoCreate: values.YOUTUBE_AUTO_CREATE,
    privacy: values.YOUTUBE_PRIVACY,
    waitMs: values.YOUTUBE_WAIT_MS,
    ingestProtocol: values.YOUTUBE_INGEST_PROTOCOL,
    pace: {
      startPollMs: values.YOUTUBE_START_POLL_MS,
      editDelayMs: values.YOUTUBE_EDIT_DELAY_MS,
      pollMs: values.YOUTUBE_POLL_MS,
      retryBaseMs: values.YOUTUBE_RETRY_BASE_MS,
      retryMaxMs: values.YOUTUBE_RETRY_MAX_MS,
    },
    health: {
      graceMs: values.YOUTUBE_UNHEALTHY_MS,
      restarts: values.YOUTUBE_RESTART_UNHEALTHY,
      maxRestarts: values.YOUTUBE_MAX_RESTARTS,
      restartPauseMs: values.YOUTUBE_UNHEALTHY_MS,
      forgivenAfterMs: 10 * values.YOUTUBE_UNHEALTHY_MS,
    },
    due: { reserveMs: values.YOUTUBE_RESERVE_MS, lateMs: values.YOUTUBE_LATE_START_MS },
    quotaUnitsPerDay: values.YOUTUBE_QUOTA_UNITS_PER_DAY,
    timeoutMs: values.YOUTUBE_TIMEOUT_MS,
  };
}

const wrong = (what: string): ConfigError => new ConfigError(`The configuration is wrong: ${what}`);
