import {
  isFinalStatus,
  maskSecrets,
  type PublicStream,
  type StreamContext,
  type StreamMetadata,
} from "@stream-control/protocol";
import { configOf, fromJson } from "../jobs/job-record.js";
import { isRenderConfig } from "../scheduling/requirement.js";
import type { JobRow } from "../store/tables.js";

/** Broadcasts that whoever has the address may see. Anything else, also a word that is not known here, is private. */
const SHOWN_PRIVACIES: ReadonlySet<string> = new Set(["public", "unlisted"]);

/** What is known of a job beside its row. */
export interface StreamFacts {
  /** Who sees its broadcast, where it is to have one. */
  privacy: string | undefined;
  /** The names that are set for a sheet; empty where there is none. */
  namesOf: (sheet: string) => { red: string; yellow: string };
  /** Whether whoever asks may see how the stream is looked after. */
  showsAdmin: boolean;
}

/** What a job's row tells of its stream; the same for as long as the row is. */
export interface StreamTexts {
  metadata: StreamMetadata;
  context: StreamContext | null;
  /** Nobody watches a render. */
  isRender: boolean;
}

/** Reads a row. What repeats a key of the stream, such as a title, is masked as it is for viewers. */
export const textsOfRow = (job: JobRow): StreamTexts => ({
  metadata: maskSecrets(fromJson<StreamMetadata>(job.stream_metadata) ?? {}),
  context: fromJson<StreamContext>(job.stream_context),
  isRender: isRenderConfig(configOf(job)),
});

/** A job as anybody may see it; undefined for one that is over or a render, or whose broadcast is private. */
export function publicStream(
  job: JobRow,
  { metadata, context, isRender }: StreamTexts,
  facts: StreamFacts,
): PublicStream | undefined {
  if (isFinalStatus(job.status) || isRender) return undefined;
  const { youtube } = metadata;
  const privacies = [facts.privacy, youtube?.privacyStatus].filter((privacy) => privacy !== undefined);
  if (!privacies.every((privacy) => SHOWN_PRIVACIES.has(privacy))) return undefined;
  const sheet = context?.sheet ?? null;
  const names = sheet === null ? undefined : facts.namesOf(sheet);
  const publicLink = webAddress(metadata.publicUrl);
  return {
    sheet,
    title: metadata.title ?? null,
    description: metadata.description ?? null,
    publicLink,
    adminLink: facts.showsAdmin ? webAddress(metadata.adminUrl) : null,
    thumbnail: webAddress(metadata.thumbnail) ?? (publicLink === null ? null : thumbnailOf(youtube?.videoId)),
    startTime: job.started_at ?? youtube?.scheduledStartTime ?? null,
    team1: context?.team1 ?? (names?.red || null),
    team2: context?.team2 ?? (names?.yellow || null),
    room: job.room,
  };
}

/** Pages make links of it: nothing but an address on the web may be one. */
function webAddress(text: unknown): string | null {
  const url = typeof text === "string" ? URL.parse(text) : null;
  return url !== null && /^https?:$/.test(url.protocol) ? url.href : null;
}

/** YouTube has a picture of every video under its id. */
const thumbnailOf = (videoId: string | undefined): string | null =>
  videoId !== undefined && /^[\w-]{6,20}$/.test(videoId) ? `https://i.ytimg.com/vi/${videoId}/hqdefault.jpg` : null;
