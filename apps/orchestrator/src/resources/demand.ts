import {
  fpsOf,
  type JsonObject,
  QUALITIES,
  type Quality,
  RENDERS_FEATURE,
  type RenderRequest,
  type ResourceAmounts,
  videoSettingsSchema,
} from "@stream-control/protocol";

/** What a job is reckoned to need, and of which kind it is: jobs of a kind use about the same. */
export interface Demand {
  readonly kind: string;
  readonly needs: ResourceAmounts;
}

/** Of a job of another kind, of which nothing is known. */
const UNKNOWN: Demand = { kind: "other", needs: { cpu: 0, memoryMiB: 0, diskMiB: 0, gpu: 0, networkKbps: 0 } };

/**
 * Cores that x264 with `veryfast` takes for a million pixels a second, decoding included. About half of what was seen on usual
 * machines: a guess must not refuse what runs well, and what jobs really use is measured (see `learned.ts`).
 */
const CORES_PER_MEGAPIXEL = 0.006;
/** Work of the other presets beside that of `veryfast`. */
const PRESET_WORK = {
  ultrafast: 0.5,
  superfast: 0.7,
  veryfast: 1,
  faster: 1.4,
  fast: 1.7,
  medium: 2,
  slow: 3,
} as const;
/** Encoders that leave the work to a graphics processor. */
const HARDWARE = /_(?:nvenc|vaapi|qsv|amf|videotoolbox|v4l2m2m|mf|omx)$/;
/** Streams that one graphics processor encodes with ease. */
const STREAMS_PER_GPU = 8;
/** Of every job, for its processes. */
const BASE = { cpu: 0.05, memoryMiB: 64 } as const;
/** Pictures of 4:2:0 that an encoder, its look-ahead and what is before it hold at once. */
const PICTURES_HELD = { stream: 40, render: 80 } as const;
const BYTES_PER_PIXEL = 1.5;
const MIB = 1024 * 1024;
/** Of a recording without a length: so much of it must find room. */
const RECORDED_SECONDS = 900;
/** What a source takes on disk while it is rendered, where nobody knows it. */
const SOURCE_MIB = 32;
/** Bits of a rendered pixel, generously. */
const BITS_PER_PIXEL = 0.15;

const DEFAULT_VIDEO = videoSettingsSchema.parse({});

/**
 * What a job with such a config is reckoned to need. It is asked for every job that waits, so that it looks only at the fields that
 * count; whether the config is right is for others to say.
 */
export function demandOf(config: JsonObject): Demand {
  if (config.kind === "render") return ofRender(config);
  return "source" in config || "streamUrl" in config ? ofStream(config) : UNKNOWN;
}

function ofStream(config: JsonObject): Demand {
  const video = fieldsOf(config.video);
  const quality = isQuality(config.quality) ? QUALITIES[config.quality] : DEFAULT_VIDEO;
  const { width, height, bitrateKbps } = { ...quality, ...numbersIn(video) };
  const fps = numberOr(video.fps, DEFAULT_VIDEO.fps);
  const preset = isPreset(video.preset) ? video.preset : DEFAULT_VIDEO.preset;
  const encoder = typeof video.encoder === "string" ? video.encoder : DEFAULT_VIDEO.encoder;
  const onGpu = HARDWARE.test(encoder);
  const pixels = width * height;
  const work = ((pixels * fps) / 1e6) * CORES_PER_MEGAPIXEL * PRESET_WORK[preset];
  const destinations = Array.isArray(config.destinations) ? config.destinations.map(fieldsOf) : [];
  const recorded = destinations.filter(({ type }) => type === "file").length + ("outputPath" in config ? 1 : 0);
  // One that is named by a preset is somewhere on the network.
  const sent = destinations.filter(
    ({ type, preset: named }) => type === "rtmp" || type === "srt" || named !== undefined,
  );
  return {
    kind: `stream ${width}x${height}@${fps} ${preset} ${encoder}`,
    needs: {
      // Decoding and scaling stay with the processor.
      cpu: BASE.cpu + (onGpu ? work / 4 : work),
      memoryMiB: BASE.memoryMiB + picturesMiB(pixels, PICTURES_HELD.stream),
      diskMiB: (recorded * bitrateKbps * numberOr(config.durationSeconds, RECORDED_SECONDS)) / 8 / 1024,
      gpu: onGpu ? 1 / STREAMS_PER_GPU : 0,
      networkKbps: sent.length * bitrateKbps,
    },
  };
}

const fieldsOf = (value: unknown): JsonObject => (typeof value === "object" && value !== null ? { ...value } : {});
const numberOr = (value: unknown, otherwise: number): number => (typeof value === "number" ? value : otherwise);
const isQuality = (value: unknown): value is Quality => typeof value === "string" && Object.hasOwn(QUALITIES, value);
const isPreset = (value: unknown): value is keyof typeof PRESET_WORK =>
  typeof value === "string" && Object.hasOwn(PRESET_WORK, value);

function numbersIn({ width, height, bitrateKbps }: JsonObject): {
  width?: number;
  height?: number;
  bitrateKbps?: number;
} {
  return {
    ...(typeof width === "number" ? { width } : {}),
    ...(typeof height === "number" ? { height } : {}),
    ...(typeof bitrateKbps === "number" ? { bitrateKbps } : {}),
  };
}

/** What of a task of a render is read here; a render without one is the whole. */
interface Task {
  type?: unknown;
  frames?: unknown;
}

function ofRender({ request, task }: JsonObject): Demand {
  const { width, height, elements, duration, output_format, fps: given } = request as RenderRequest;
  const part = (typeof task === "object" && task !== null ? task : {}) as Task;
  const type = typeof part.type === "string" ? part.type : "whole";
  const pixels = width * height;
  const fps = fpsOf({ output_format, fps: given });
  const ends = elements.map(
    (element) => (element.time ?? 0) + (typeof element.duration === "number" ? element.duration : 0),
  );
  const seconds = typeof part.frames === "number" ? part.frames / fps : (duration ?? Math.max(1, ...ends));
  const fileMiB = (pixels * fps * BITS_PER_PIXEL * seconds) / 8 / MIB;
  const sources = elements.filter((element) => "source" in element).length;
  const disk = sources * SOURCE_MIB + fileMiB;
  // What neither decodes nor encodes pictures takes next to nothing, however large they are.
  if (type === "sound" || type === "merge")
    return {
      kind: `${RENDERS_FEATURE} ${type}`,
      needs: { ...BASE, cpu: 0.25, diskMiB: disk + fileMiB, gpu: 0, networkKbps: 0 },
    };
  const size = pixels <= 640 * 360 ? "small" : pixels <= 1920 * 1080 ? "hd" : "large";
  return {
    kind: `${RENDERS_FEATURE} ${size} ${output_format}`,
    needs: {
      // It takes all cores that it is given; this is what it needs to get on. More pixels take longer, and not more cores.
      cpu: { small: 0.5, hd: 1, large: 2 }[size],
      memoryMiB: BASE.memoryMiB + picturesMiB(pixels, PICTURES_HELD.render + 4 * elements.length),
      diskMiB: disk,
      gpu: 0,
      networkKbps: 0,
    },
  };
}

const picturesMiB = (pixels: number, pictures: number): number => (pixels * BYTES_PER_PIXEL * pictures) / MIB;
