import type { StreamConfig, VideoSettings } from "@stream-control/protocol";

/** An encoder's own words for what the config says in x264's. */
export interface EncoderArguments {
  /** Options that stand before the inputs, such as the device of the encoder. */
  global: string[];
  /** Filters at the end of the picture's chain: the pixel format, and the way into the card's memory. */
  filters: string[];
  output: string[];
}

type Preset = VideoSettings["preset"];

const NVENC_PRESETS: Record<Preset, string> = {
  ultrafast: "p1",
  superfast: "p2",
  veryfast: "p3",
  faster: "p4",
  fast: "p4",
  medium: "p5",
  slow: "p6",
};
const QSV_PRESETS: Record<Preset, string> = {
  ultrafast: "veryfast",
  superfast: "veryfast",
  veryfast: "veryfast",
  faster: "faster",
  fast: "fast",
  medium: "medium",
  slow: "slow",
};
/** Drivers count from fast to good, backwards: 7 is the fastest. */
const VAAPI_LEVELS: Record<Preset, string> = {
  ultrafast: "7",
  superfast: "7",
  veryfast: "6",
  faster: "5",
  fast: "4",
  medium: "4",
  slow: "2",
};

/** Frames between two keyframes. */
export const gopFrames = ({ fps, gopSeconds }: VideoSettings): number => Math.max(1, Math.round(fps * gopSeconds));

/**
 * Encoder options for an evenly filled line and closed groups of pictures of one fixed length, which is what ingest
 * services and HLS segments ask for.
 *
 * @param lowLatency each picture leaves as soon as it is encoded; without it the encoder looks ahead for quality.
 */
export function encoderArguments(encoder: string, video: StreamConfig["video"], lowLatency: boolean): EncoderArguments {
  const { global = [], filters = ["format=yuv420p"], output } = familyArguments(encoder, video, lowLatency);
  const gop = gopFrames(video);
  return {
    global,
    filters,
    output: [
      ...["-c:v", encoder, ...output],
      ...[
        "-b:v",
        `${video.bitrateKbps}k`,
        "-maxrate",
        `${video.bitrateKbps}k`,
        "-bufsize",
        `${video.bitrateKbps * 2}k`,
      ],
      // By frames and not by time: with 29.97 frames a second a time would fall between two frames.
      ...["-g", String(gop), "-force_key_frames", `expr:eq(mod(n,${gop}),0)`, "-flags", "+cgop"],
    ],
  };
}

function familyArguments(
  encoder: string,
  { preset }: VideoSettings,
  lowLatency: boolean,
): { global?: string[]; filters?: string[]; output: string[] } {
  switch (encoder) {
    case "libx264":
      return {
        output: [
          ...["-preset", preset, ...(lowLatency ? ["-tune", "zerolatency"] : ["-bf", "2"])],
          ...["-profile:v", "high", "-sc_threshold", "0", "-forced-idr", "1"],
        ],
      };
    case "h264_nvenc":
      return {
        output: [
          ...["-preset", NVENC_PRESETS[preset], "-profile:v", "high", "-rc", "cbr", "-bf", "0"],
          ...["-no-scenecut", "1", "-forced-idr", "1"],
          ...(lowLatency ? ["-tune", "ll", "-delay", "0"] : []),
        ],
      };
    case "h264_qsv":
      return {
        global: ["-init_hw_device", "qsv=hw"],
        filters: ["format=nv12"],
        output: ["-preset", QSV_PRESETS[preset], "-profile:v", "high", "-bf", "0", "-forced_idr", "1"],
      };
    case "h264_vaapi":
      return {
        global: ["-vaapi_device", "/dev/dri/renderD128"],
        filters: ["format=nv12", "hwupload"],
        output: ["-rc_mode", "CBR", "-profile:v", "high", "-bf", "0", "-compression_level", VAAPI_LEVELS[preset]],
      };
    case "h264_videotoolbox":
      return { output: ["-profile:v", "high", "-bf", "0", "-realtime", "1"] };
    case "h264_v4l2m2m":
      return { output: ["-bf", "0"] };
    default:
      return { output: [] };
  }
}
