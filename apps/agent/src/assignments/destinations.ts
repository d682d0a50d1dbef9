import { createHash } from "node:crypto";
import {
  type Destination,
  destinationSchema,
  type FileFormat,
  type ParseResult,
  parseWith,
  type StreamMetadata,
} from "@stream-control/protocol";

export interface DestinationsInput {
  jobId: string;
  explicit: Destination[];
  recordAs: FileFormat | undefined;
  streamMetadata: StreamMetadata | undefined;
}

/**
 * Where a job's stream goes: what its config says, the broadcast that its metadata names, the recording that the short
 * form asked for; and where all that is nothing, an HLS preview. Paths are relative to the first output folder.
 */
export function fillDestinations(input: DestinationsInput): ParseResult<Destination[]> {
  const { jobId, explicit, recordAs, streamMetadata } = input;
  const destinations = [...explicit];
  const { streamUrl, streamKey } = streamMetadata?.youtube ?? {};
  if (streamUrl && streamKey) {
    const push = { type: "rtmp", url: streamUrl, streamKey, ...freeId("youtube", explicit) };
    const youtube = parseWith(destinationSchema, push, "streamMetadata.youtube");
    if (!youtube.ok)
      return { ok: false, issues: youtube.issues.map((issue) => ({ ...issue, path: youtubeField(issue.path) })) };
    const twice = explicit.some(
      (other) => other.type === "rtmp" && other.url === streamUrl && other.streamKey === streamKey,
    );
    if (!twice) destinations.push(youtube.value);
  }
  const name = fileNameOf(jobId);
  if (recordAs !== undefined)
    destinations.push({
      type: "file",
      path: `${name}.${recordAs}`,
      format: recordAs,
      ...freeId("recording", explicit),
    });
  if (destinations.length === 0)
    destinations.push({ type: "hls", id: "preview", path: name, segmentSeconds: 2, listSize: 6 });
  return { ok: true, value: destinations };
}

const youtubeField = (path: string) => path.replace(/\.url$/, ".streamUrl");

const freeId = (id: string, taken: Destination[]) => (taken.some((other) => other.id === id) ? {} : { id });

/** A job's id as a file name: itself where that is harmless, a digest otherwise. */
export function fileNameOf(jobId: string): string {
  return /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/.test(jobId)
    ? jobId
    : `job-${createHash("sha256").update(jobId).digest("hex").slice(0, 24)}`;
}
