import { z } from "zod";
import { timestampSchema } from "../primitives.js";

/** Who sees a broadcast: everybody and every search, whoever has the address, or the channel's own people. */
export const YOUTUBE_PRIVACIES = ["public", "unlisted", "private"] as const;
export const youtubePrivacySchema = z.enum(YOUTUBE_PRIVACIES).meta({ id: "YouTubePrivacy" });
export type YouTubePrivacy = z.infer<typeof youtubePrivacySchema>;

/** What a job may ask of its broadcast, in `youtube` of `POST /v1/jobs`. */
export const youtubeWishSchema = z
  .object({
    /** As `PUT /v1/config/stream-privacy` says, unless given. */
    privacy: youtubePrivacySchema.optional(),
    /** Label of a stream key that is kept and used again, such as the sheet; a key of its own unless given. */
    keepStreamAs: z.string().trim().min(1).max(100).optional(),
    /** Restart the encoder, with growing pauses, while YouTube finds the stream unhealthy. */
    restartUnhealthy: z.boolean().optional(),
  })
  .meta({ id: "YouTubeWish" });
export type YouTubeWish = z.infer<typeof youtubeWishSchema>;

/** Body and answer of `/v1/config/stream-privacy`. */
export const streamPrivacySchema = z.object({ privacy: youtubePrivacySchema }).meta({ id: "StreamPrivacy" });

/** How much of the day's quota of YouTube's API is used. Days are those of Pacific time, as Google counts. */
export const youtubeQuotaSchema = z
  .object({
    day: z.string(),
    unitsUsed: z.int().min(0),
    unitsPerDay: z.int().min(1),
    /** YouTube itself has said that nothing is left. */
    exhausted: z.boolean(),
    resetsAt: timestampSchema,
  })
  .meta({ id: "YouTubeQuota" });

/** `GET /oauth/status`: how the connection to a YouTube channel stands. */
export const oauthStatusSchema = z
  .object({
    /** There are a client id and a client secret. */
    configured: z.boolean(),
    /** Calls are made in the channel's name. */
    connected: z.boolean(),
    /** `unverified`: there is a token, and YouTube has not been reached with it yet. `reconnect`: the token does not count any more. */
    state: z.enum(["not-configured", "disconnected", "unverified", "connected", "reconnect"]),
    /** How it stands and what to do, in a sentence. */
    message: z.string(),
    tokenSource: z.enum(["stored", "environment"]).nullable(),
    channel: z.object({ id: z.string(), title: z.string() }).nullable(),
    connectedAt: timestampSchema.nullable(),
    problem: z.object({ code: z.string(), message: z.string(), at: timestampSchema }).nullable(),
    /** Where Google leads the browser back to; it must be registered there. */
    redirectUrl: z.string().nullable(),
    quota: youtubeQuotaSchema.nullable(),
  })
  .meta({ id: "OAuthStatus" });
export type OAuthStatus = z.infer<typeof oauthStatusSchema>;

/** Body of `POST /oauth/token`: the code, or the whole address that the browser was led to. */
export const oauthCodeSchema = z.object({ code: z.string().min(1).max(8192) }).meta({ id: "OAuthCode" });
