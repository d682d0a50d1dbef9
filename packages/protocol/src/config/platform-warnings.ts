import { z } from "zod";
import type { Destination, PresetId } from "./destination.js";
import { type DestinationPreset, presetOf } from "./platforms.js";
import type { StreamConfig } from "./stream-config.js";

/** Something that a platform may not take well; the job runs all the same. */
export const configWarningSchema = z
  .object({
    code: z.enum([
      "VIDEO_BITRATE_TOO_HIGH",
      "AUDIO_BITRATE_TOO_HIGH",
      "KEYFRAMES_TOO_RARE",
      "PICTURE_TOO_LARGE",
      "FRAME_RATE_TOO_HIGH",
      "STREAM_TOO_LONG",
    ]),
    /** Where the setting stands in the config. */
    path: z.string(),
    message: z.string(),
    /** The destination's id, or `type-number` where it has none. */
    destination: z.string(),
  })
  .meta({ id: "ConfigWarning" });
export type ConfigWarning = z.infer<typeof configWarningSchema>;

/** The platforms by the hosts of their addresses, for destinations that were given in full. */
const HOSTS: readonly [PresetId, RegExp][] = [
  ["youtube", /(^|\.)youtube\.com$/i],
  ["twitch", /(^|\.)twitch\.tv$|^(ingest\.global-contribute|[a-z0-9-]+\.contribute)\.live-video\.net$/i],
  ["facebook", /(^|\.)facebook\.com$/i],
];

/** What of a config breaks the limits of the platforms that it streams to; those are known by preset or by host. */
export function platformWarnings(config: StreamConfig): ConfigWarning[] {
  return config.destinations.flatMap((destination, index) => {
    const id = platformOf(destination);
    if (id === undefined) return [];
    const name = destination.id ?? `${destination.type}-${index + 1}`;
    return warningsOf(config, presetOf(id)).map((warning) => ({ ...warning, destination: name }));
  });
}

function platformOf(destination: Destination): PresetId | undefined {
  if (destination.type !== "rtmp" || destination.preset !== undefined)
    return "preset" in destination ? destination.preset : undefined;
  const host = /^[a-z]+:\/\/(?:[^/@]*@)?([^/:?#]+)/i.exec(destination.url)?.[1] ?? "";
  return HOSTS.find(([, pattern]) => pattern.test(host))?.[0];
}

type Finding = Omit<ConfigWarning, "destination">;

function warningsOf({ video, audio, durationSeconds = 0 }: StreamConfig, preset: DestinationPreset): Finding[] {
  const { name, limits } = preset;
  const over = (value: number, limit: number | undefined): limit is number => limit !== undefined && value > limit;
  const found: Finding[] = [];
  const warn = (code: Finding["code"], path: string, message: string) => void found.push({ code, path, message });
  const videoKbps = maxKbpsOf(preset, video);
  if (over(video.bitrateKbps, videoKbps))
    warn(
      "VIDEO_BITRATE_TOO_HIGH",
      "video.bitrateKbps",
      `${name} takes at most ${videoKbps} kbit/s of ${video.height}p at ${video.fps} frames a second; the job sends ${video.bitrateKbps}.`,
    );
  if (over(audio.bitrateKbps, limits.audioKbps))
    warn(
      "AUDIO_BITRATE_TOO_HIGH",
      "audio.bitrateKbps",
      `${name} takes at most ${limits.audioKbps} kbit/s of sound; the job sends ${audio.bitrateKbps}.`,
    );
  if (over(video.gopSeconds, limits.gopSeconds))
    warn(
      "KEYFRAMES_TOO_RARE",
      "video.gopSeconds",
      `${name} wants a keyframe every ${limits.gopSeconds} s or more often; the job sends one every ${video.gopSeconds} s.`,
    );
  // A picture that stands upright has its lines along its width.
  const lines = Math.min(video.width, video.height);
  if (over(lines, limits.height))
    warn("PICTURE_TOO_LARGE", "video.height", `${name} takes at most ${limits.height}p; the job sends ${lines}p.`);
  if (over(video.fps, limits.fps))
    warn(
      "FRAME_RATE_TOO_HIGH",
      "video.fps",
      `${name} takes at most ${limits.fps} frames a second; the job sends ${video.fps}.`,
    );
  if (over(durationSeconds / 3600, limits.hours))
    warn("STREAM_TOO_LONG", "durationSeconds", `${name} ends a stream after ${limits.hours} hours.`);
  return found;
}

/** The platform's limit for such a picture: that of the smallest one it names which is no smaller. */
function maxKbpsOf({ recommended, limits }: DestinationPreset, video: StreamConfig["video"]): number | undefined {
  const lines = Math.min(video.width, video.height);
  const fitting = recommended?.pictures.find(({ height, fps }) => height >= lines && fps >= video.fps);
  return fitting?.maxKbps ?? limits.videoKbps;
}
