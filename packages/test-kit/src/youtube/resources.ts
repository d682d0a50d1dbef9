import { randomBytes } from "node:crypto";
import { secret } from "../secret.js";
import { Refusal } from "./errors.js";

/** Where a broadcast is in its life. */
export type LifeCycle =
  | "created"
  | "ready"
  | "testStarting"
  | "testing"
  | "liveStarting"
  | "live"
  | "complete"
  | "revoked";

export interface ConfigurationIssue {
  type: string;
  severity: "info" | "warning" | "error";
  reason?: string;
  description?: string;
}

/** A broadcast as YouTube keeps it. */
export interface FakeBroadcast {
  id: string;
  title: string;
  description: string;
  scheduledStartTime: string;
  publishedAt: string;
  actualStartTime: string | undefined;
  actualEndTime: string | undefined;
  privacyStatus: string;
  madeForKids: boolean | undefined;
  lifeCycle: LifeCycle;
  boundStreamId: string | undefined;
  monitorStream: boolean;
  autoStart: boolean;
  autoStop: boolean;
  /** Shown while live, unless undefined, as where the channel hides it. */
  viewers: number | undefined;
  /** Reads of its status until a transient state ends; Infinity is one that is stuck. */
  readsInTransit: number;
}

/** A stream as YouTube keeps it. */
export interface FakeStream {
  id: string;
  title: string;
  /** The stream key. */
  streamName: string;
  isReusable: boolean;
  status: "created" | "ready" | "active" | "inactive" | "error";
  health: "good" | "ok" | "bad" | "noData";
  issues: ConfigurationIssue[];
}

export const CHANNEL = { id: "UCfakeChannel", title: "Curling Club" };

const newId = (length: number) => randomBytes(length).toString("base64url").slice(0, length);

/** Reads the body of an insert as YouTube would, refusing what it refuses. */
export function newBroadcast(body: Body, now: Date): FakeBroadcast {
  const { title, description } = textsOf(body.snippet);
  return {
    ...{ id: newId(11), title, description },
    scheduledStartTime: startTimeOf(body.snippet?.scheduledStartTime, now),
    publishedAt: now.toISOString(),
    actualStartTime: undefined,
    actualEndTime: undefined,
    privacyStatus: privacyOf(body.status),
    madeForKids: body.status?.selfDeclaredMadeForKids as boolean | undefined,
    lifeCycle: "created",
    boundStreamId: undefined,
    monitorStream: (body.contentDetails?.monitorStream as Part)?.enableMonitorStream !== false,
    autoStart: body.contentDetails?.enableAutoStart === true,
    autoStop: body.contentDetails?.enableAutoStop === true,
    viewers: 0,
    readsInTransit: 0,
  };
}

export function newStream(body: Body): FakeStream {
  const title = body.snippet?.title;
  if (typeof title !== "string" || title === "") throw new Refusal("titleRequired");
  if (title.length > 128) throw new Refusal("invalidTitle");
  const { ingestionType, resolution, frameRate } = body.cdn ?? {};
  if (!["rtmp", "hls", "dash"].includes(String(ingestionType))) throw new Refusal("ingestionTypeRequired");
  if (resolution === undefined) throw new Refusal("resolutionRequired");
  if (frameRate === undefined) throw new Refusal("frameRateRequired");
  return {
    ...{ id: newId(22), title, streamName: secret("youtube-stream-key") },
    isReusable: body.contentDetails?.isReusable !== false,
    ...{ status: "ready", health: "noData", issues: [] },
  };
}

type Part = Record<string, unknown> | undefined;
/** The body of a request, part by part. */
export interface Body {
  id?: unknown;
  snippet?: Part;
  status?: Part;
  cdn?: Part;
  contentDetails?: Part;
}

/** Puts the named parts of a body in the place of what is there, whole, as an update does. */
export function updateBroadcast(broadcast: FakeBroadcast, body: Body, parts: ReadonlySet<string>, now: Date): void {
  if (parts.has("snippet")) {
    Object.assign(broadcast, textsOf(body.snippet));
    const start = body.snippet?.scheduledStartTime;
    if (start === undefined) throw new Refusal("scheduledStartTimeRequired");
    if (Date.parse(String(start)) !== Date.parse(broadcast.scheduledStartTime))
      broadcast.scheduledStartTime = startTimeOf(start, now);
  }
  if (parts.has("status")) broadcast.privacyStatus = privacyOf(body.status);
  if (!parts.has("contentDetails")) return;
  const monitorStream = (body.contentDetails?.monitorStream as Part)?.enableMonitorStream !== false;
  if (monitorStream !== broadcast.monitorStream && ["testing", "live"].includes(broadcast.lifeCycle))
    throw new Refusal("enableMonitorStreamModificationNotAllowed");
  broadcast.monitorStream = monitorStream;
  broadcast.autoStart = body.contentDetails?.enableAutoStart === true;
  broadcast.autoStop = body.contentDetails?.enableAutoStop === true;
}

function textsOf(snippet: Part): { title: string; description: string } {
  const { title, description = "" } = snippet ?? {};
  if (typeof title !== "string" || title === "") throw new Refusal("titleRequired");
  if (title.length > 100 || /[<>]/.test(title)) throw new Refusal("invalidTitle");
  if (typeof description !== "string" || Buffer.byteLength(description) > 5000 || /[<>]/.test(description))
    throw new Refusal("invalidDescription");
  return { title, description };
}

function startTimeOf(given: unknown, now: Date): string {
  if (given === undefined) throw new Refusal("scheduledStartTimeRequired");
  const at = Date.parse(String(given));
  if (Number.isNaN(at) || at <= now.getTime()) throw new Refusal("invalidScheduledStartTime");
  // YouTube keeps whole seconds.
  return new Date(Math.floor(at / 1000) * 1000).toISOString();
}

function privacyOf(status: Part): string {
  const privacy = status?.privacyStatus;
  if (privacy === undefined) throw new Refusal("privacyStatusRequired");
  if (!["public", "unlisted", "private"].includes(String(privacy))) throw new Refusal("invalidPrivacyStatus");
  return String(privacy);
}
