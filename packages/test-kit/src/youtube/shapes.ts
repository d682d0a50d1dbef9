import { Refusal } from "./errors.js";
import { CHANNEL, type FakeBroadcast, type FakeStream } from "./resources.js";

const defined = (part: object): object =>
  Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined));

/** Picks the parts of a resource that were asked for. */
function pick(kind: string, id: string, all: Record<string, object>, parts: ReadonlySet<string>): object {
  for (const part of parts) if (part !== "id" && !Object.hasOwn(all, part)) throw new Refusal("unknownPart");
  const shown = Object.entries(all).filter(([part]) => parts.has(part));
  return { kind: `youtube#${kind}`, etag: "etag", id, ...Object.fromEntries(shown) };
}

/** A broadcast as it is answered, with the parts that were asked for and no others. */
export function showBroadcast(broadcast: FakeBroadcast, parts: ReadonlySet<string>): object {
  const { scheduledStartTime, actualStartTime, actualEndTime, publishedAt, title, description } = broadcast;
  const { privacyStatus, lifeCycle, boundStreamId, monitorStream, viewers } = broadcast;
  const isLive = lifeCycle === "live";
  return pick(
    "liveBroadcast",
    broadcast.id,
    {
      snippet: defined({
        ...{ publishedAt, channelId: CHANNEL.id, title, description, isDefaultBroadcast: false },
        ...{ scheduledStartTime, actualStartTime, actualEndTime },
      }),
      status: {
        ...{ lifeCycleStatus: lifeCycle, privacyStatus, madeForKids: broadcast.madeForKids ?? false },
        recordingStatus: isLive ? "recording" : lifeCycle === "complete" ? "recorded" : "notRecording",
      },
      contentDetails: defined({
        ...{ boundStreamId, enableAutoStart: broadcast.autoStart, enableAutoStop: broadcast.autoStop },
        ...{ enableDvr: true, recordFromStart: true, latencyPreference: "normal" },
        monitorStream: { enableMonitorStream: monitorStream, broadcastStreamDelayMs: 0 },
      }),
      statistics: isLive && viewers !== undefined && viewers > 0 ? { concurrentViewers: String(viewers) } : {},
    },
    parts,
  );
}

/** A broadcast's video as `videos.list` answers it. */
export function showVideo(broadcast: FakeBroadcast, parts: ReadonlySet<string>): object {
  const { scheduledStartTime, actualStartTime, actualEndTime, viewers, lifeCycle, title, description } = broadcast;
  const concurrentViewers = lifeCycle === "live" && viewers ? String(viewers) : undefined;
  return pick(
    "video",
    broadcast.id,
    {
      snippet: { title, description, channelId: CHANNEL.id },
      status: { privacyStatus: broadcast.privacyStatus },
      liveStreamingDetails: defined({ scheduledStartTime, actualStartTime, actualEndTime, concurrentViewers }),
    },
    parts,
  );
}

/** A stream as it is answered. */
export function showStream(stream: FakeStream, ingestUrl: string, parts: ReadonlySet<string>): object {
  return pick(
    "liveStream",
    stream.id,
    {
      snippet: { title: stream.title, channelId: CHANNEL.id, isDefaultStream: false },
      cdn: {
        ...{ ingestionType: "rtmp", resolution: "variable", frameRate: "variable" },
        ingestionInfo: {
          streamName: stream.streamName,
          ingestionAddress: ingestUrl,
          backupIngestionAddress: `${ingestUrl}?backup=1`,
          rtmpsIngestionAddress: ingestUrl.replace(/^rtmp:/, "rtmps:"),
          rtmpsBackupIngestionAddress: `${ingestUrl.replace(/^rtmp:/, "rtmps:")}?backup=1`,
        },
      },
      contentDetails: { isReusable: stream.isReusable },
      status: {
        streamStatus: stream.status,
        healthStatus: defined({
          status: stream.status === "active" ? stream.health : "noData",
          lastUpdateTimeSeconds: String(Math.floor(Date.now() / 1000)),
          configurationIssues: stream.issues.length === 0 ? undefined : stream.issues,
        }),
      },
    },
    parts,
  );
}
