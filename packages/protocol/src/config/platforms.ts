import { z } from "zod";
import { type PresetId, presetIdSchema } from "./destination.js";
import { INGEST_URLS } from "./presets.js";

/** A picture that a platform has a bitrate for; it counts for everything up to that height and rate. */
const pictureSchema = z.object({
  height: z.int(),
  fps: z.number(),
  recommendedKbps: z.int(),
  /** Absent where the platform names none for this picture. */
  maxKbps: z.int().optional(),
});

/** What is asked of whoever uses a preset, what is recommended to them, and what the platform takes at most. */
export const destinationPresetSchema = z
  .object({
    id: presetIdSchema,
    name: z.string(),
    /** The kind of destination that it becomes. */
    type: z.enum(["rtmp", "srt"]),
    /** The first is taken unless another is given; none where the address is the user's own. */
    urls: z.array(z.object({ name: z.string(), url: z.string() })),
    fields: z.array(
      z.object({ name: z.string(), label: z.string(), required: z.boolean(), secret: z.boolean(), help: z.string() }),
    ),
    /** Null where there is no platform to recommend anything. */
    recommended: z
      .object({
        videoCodec: z.literal("h264"),
        audioCodec: z.literal("aac"),
        gopSeconds: z.number(),
        audioBitrateKbps: z.int(),
        sampleRateHz: z.int(),
        channels: z.int(),
        pictures: z.array(pictureSchema),
      })
      .nullable(),
    limits: z.object({
      videoKbps: z.int().optional(),
      audioKbps: z.int().optional(),
      gopSeconds: z.number().optional(),
      height: z.int().optional(),
      fps: z.number().optional(),
      hours: z.number().optional(),
    }),
    /** The pages that this is from. */
    sources: z.array(z.url()),
  })
  .meta({ id: "DestinationPreset" });
export type DestinationPreset = z.infer<typeof destinationPresetSchema>;

const keyField = (help: string) => ({ name: "streamKey", label: "Stream key", required: true, secret: true, help });
const urlField = (help: string) => ({ name: "url", label: "Address", required: true, secret: false, help });
const picture = (height: number, fps: number, recommendedKbps: number, maxKbps?: number) => ({
  ...{ height, fps, recommendedKbps },
  ...(maxKbps === undefined ? {} : { maxKbps }),
});
const H264_AAC = { videoCodec: "h264", audioCodec: "aac", gopSeconds: 2, channels: 2 } as const;

/**
 * What the platforms' own pages said in 2026: YouTube Help, "Choose live encoder settings, bitrates, and resolutions" (the
 * column for H.264), and "Delivering Live YouTube Content via RTMPS"; Twitch's "Broadcasting Guidelines" and "Broadcast
 * Recommendations"; Meta's "Live Video API: Reference, Recommended Settings". The addresses, and the most that YouTube takes,
 * are those of OBS Studio's list of services (plugins/rtmp-services/data/services.json).
 */
export const DESTINATION_PRESETS: readonly DestinationPreset[] = [
  {
    ...{ id: "youtube", name: "YouTube Live", type: "rtmp" },
    urls: [
      { name: "Primary (RTMPS)", url: INGEST_URLS.youtube },
      { name: "Backup (RTMPS)", url: "rtmps://b.rtmps.youtube.com:443/live2?backup=1" },
      { name: "Primary (RTMP)", url: "rtmp://a.rtmp.youtube.com/live2" },
      { name: "Backup (RTMP)", url: "rtmp://b.rtmp.youtube.com/live2?backup=1" },
    ],
    fields: [keyField("YouTube Studio, Go live, Stream settings. A job with a broadcast of its own needs no preset.")],
    recommended: {
      ...H264_AAC,
      ...{ audioBitrateKbps: 128, sampleRateHz: 44_100 },
      pictures: [
        ...[picture(720, 30, 4000), picture(720, 60, 6000), picture(1080, 30, 10_000), picture(1080, 60, 12_000)],
        ...[picture(1440, 30, 15_000), picture(1440, 60, 24_000), picture(2160, 30, 30_000), picture(2160, 60, 35_000)],
      ],
    },
    limits: { videoKbps: 51_000, gopSeconds: 4, height: 2160, fps: 60 },
    sources: [
      "https://support.google.com/youtube/answer/2853702",
      "https://developers.google.com/youtube/v3/live/guides/rtmps-ingestion",
    ],
  },
  {
    ...{ id: "twitch", name: "Twitch", type: "rtmp" },
    urls: [
      { name: "Nearest (RTMPS)", url: INGEST_URLS.twitch },
      { name: "Nearest (RTMP)", url: "rtmp://live.twitch.tv/app" },
    ],
    fields: [keyField("Creator Dashboard, Settings, Stream, Primary Stream key.")],
    recommended: {
      ...H264_AAC,
      ...{ audioBitrateKbps: 128, sampleRateHz: 48_000 },
      pictures: [picture(720, 30, 3000), picture(720, 60, 4500), picture(1080, 30, 4500), picture(1080, 60, 6000)],
    },
    limits: { videoKbps: 6000, audioKbps: 320, gopSeconds: 2, height: 1080, fps: 60, hours: 48 },
    sources: [
      "https://help.twitch.tv/s/article/broadcasting-guidelines",
      "https://dev.twitch.tv/docs/video-broadcast",
      "https://www.twitch.tv/creatorcamp/en/paths/going-live/broadcast-recommendations/",
    ],
  },
  {
    ...{ id: "facebook", name: "Facebook Live", type: "rtmp" },
    urls: [{ name: "Global (RTMPS)", url: INGEST_URLS.facebook }],
    fields: [keyField("Live Producer, Streaming software, Stream key.")],
    recommended: {
      ...H264_AAC,
      ...{ audioBitrateKbps: 128, sampleRateHz: 48_000 },
      pictures: [
        ...[picture(360, 30, 700, 1000), picture(480, 30, 1300, 2000), picture(720, 30, 2750, 4000)],
        ...[picture(720, 60, 4000, 6000), picture(1080, 30, 4500, 6000), picture(1080, 60, 6750, 9000)],
      ],
    },
    limits: { videoKbps: 9000, audioKbps: 256, gopSeconds: 4, height: 1080, fps: 60, hours: 8 },
    sources: ["https://developers.facebook.com/docs/live-video-api/reference"],
  },
  {
    ...{ id: "custom-rtmp", name: "RTMP or RTMPS server", type: "rtmp", urls: [] },
    fields: [
      urlField("Up to the application, such as rtmps://live.example.com/app."),
      { ...keyField("Goes behind the address as its last part; may be left out."), required: false },
    ],
    ...{ recommended: null, limits: {}, sources: [] },
  },
  {
    ...{ id: "custom-srt", name: "SRT server", type: "srt", urls: [] },
    fields: [
      urlField("Such as srt://live.example.com:9000; a stream id goes into it as ?streamid=…"),
      {
        ...{ name: "passphrase", label: "Passphrase", required: false, secret: true },
        help: "10 to 79 characters, as the server has it.",
      },
      {
        ...{ name: "latencyMs", label: "Latency in milliseconds", required: false, secret: false },
        help: "Four times the round trip or more; 200 unless given.",
      },
    ],
    ...{ recommended: null, limits: {}, sources: [] },
  },
];

/** @returns what is known of a preset. */
export function presetOf(id: PresetId): DestinationPreset {
  const found = DESTINATION_PRESETS.find((preset) => preset.id === id);
  if (found === undefined) throw new TypeError(`There is no preset "${id}".`);
  return found;
}
