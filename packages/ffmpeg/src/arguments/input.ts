import type { Source, StreamConfig } from "@stream-control/protocol";
import type { MediaFacts } from "../media-facts.js";
import { addressOn, type Way } from "./way.js";

/**
 * Demuxers that a file may be read with. Playlists and scripts (hls, dash, concat, sdp, imf) are left out, because they
 * name further files; a file may only ever be itself.
 */
const FILE_DEMUXERS =
  "mov,matroska,webm,mpegts,mpeg,mpegvideo,flv,avi,asf,mxf,gxf,nut,ogg,wav,w64,mp3,aac,ac3,eac3,flac,aiff,h264,hevc,ivf,obu,gif,yuv4mpegpipe,dv,rm,wtv";

type OpenedSource = Exclude<Source["type"], "test" | "device">;

/** What may be opened from an input, so that a playlist can't reach for local files or other protocols. */
const PROTOCOLS: Record<OpenedSource, string> = {
  rtmp: "rtmp,rtmps,tcp,tls",
  srt: "srt",
  rtsp: "rtsp,rtsps,rtp,srtp,udp,tcp,tls",
  http: "http,https,tcp,tls,crypto",
  file: "file",
};

/** Demuxers that an input may be read with. RTSP has one of its own, which nothing that comes in can change. */
const DEMUXERS: Record<Exclude<OpenedSource, "rtsp">, string> = {
  rtmp: "flv,live_flv",
  srt: FILE_DEMUXERS,
  http: `hls,applehttp,dash,mpjpeg,live_flv,webvtt,${FILE_DEMUXERS}`,
  file: FILE_DEMUXERS,
};

/** Whether pictures come at the pace of the world outside, so that they must not be paced again and have no end. */
export function isLiveSource(source: Source, facts?: MediaFacts): boolean {
  if (source.type === "file") return false;
  return source.type === "http" ? facts?.durationSeconds === undefined : true;
}

/**
 * Whether the program runs at the speed of the clock. A recording copied into recordings runs as fast as it can; as soon
 * as somebody watches, or there is no end, it does not.
 */
export function isRealtime(config: StreamConfig, facts?: MediaFacts): boolean {
  const { source, destinations } = config;
  if (isLiveSource(source, facts)) return true;
  if (source.type === "file" && source.loop) return true;
  return destinations.some(({ type }) => type !== "file");
}

/**
 * Microseconds that an input may be silent. Shorter than the stall time, so that a silent source ends as the source's
 * fault and not as the encoder's.
 */
const ioTimeoutUs = (stallTimeoutMs: number) => String(Math.round(stallTimeoutMs * 800));

/**
 * The options that open a source, up to and with `-i`: the same for ffmpeg and ffprobe. Test pictures and devices have
 * none of these; see {@link programInputs}.
 *
 * @param way how the source is reached, unless straight by its address.
 */
export function openArguments(source: Source, stallTimeoutMs: number, way?: Way): string[] {
  if (source.type === "test" || source.type === "device") return [];
  const guard = [
    ...["-protocol_whitelist", way?.protocols ?? PROTOCOLS[source.type]],
    ...(source.type === "rtsp" ? [] : ["-format_whitelist", DEMUXERS[source.type]]),
    ...(way?.options ?? []),
  ];
  const timeout = ioTimeoutUs(stallTimeoutMs);
  switch (source.type) {
    case "file":
      return [...guard, "-i", `file:${source.path}`];
    case "http":
      return [
        ...guard,
        ...["-rw_timeout", timeout],
        ...["-reconnect", "1", "-reconnect_streamed", "1", "-reconnect_on_network_error", "1"],
        ...["-reconnect_on_http_error", "5xx", "-reconnect_delay_max", "4"],
        ...["-i", addressOn(way, source.url)],
      ];
    case "rtmp":
      // In listen mode ffmpeg's own timeouts would cut the wait for the publisher short; the start timeout bounds it.
      return [
        ...guard,
        ...(source.listen ? ["-listen", "1"] : ["-rw_timeout", timeout]),
        "-i",
        addressOn(way, source.url),
      ];
    case "rtsp":
      return [...guard, "-rtsp_transport", source.transport, "-timeout", timeout, "-i", addressOn(way, source.url)];
    case "srt":
      return [
        ...guard,
        ...["-mode", source.listen ? "listener" : "caller", "-latency", String(source.latencyMs * 1000)],
        ...(source.listen ? [] : ["-connect_timeout", "5000", "-timeout", timeout]),
        ...(source.passphrase === undefined ? [] : ["-passphrase", source.passphrase]),
        ...["-i", addressOn(way, source.url)],
      ];
  }
}

/** The options that open an image, up to and with `-i`: by that demuxer, so that no pattern in its name names further files. */
export const imageArguments = (path: string, demuxer: string): string[] => [
  ...["-protocol_whitelist", "file", "-f", demuxer],
  ...["-i", `file:${path}`],
];

/** The inputs of the program, and which of them has the pictures and which the sound. */
export interface ProgramInputs {
  arguments: string[];
  videoMap: string;
  audioMap: string;
  /** A filler without end stands beside the source, so the output has to end with the shorter one. */
  filled: boolean;
}

/**
 * Builds the inputs of the program; what the source lacks is filled with a black picture or with silence.
 *
 * @param startSeconds where to begin in a file.
 * @param way how the source is reached, unless straight by its address.
 */
export function programInputs(config: StreamConfig, facts: MediaFacts, startSeconds = 0, way?: Way): ProgramInputs {
  const { source, video } = config;
  if (source.type === "test") return testInputs(config);
  const main =
    source.type === "device"
      ? deviceInputs(source)
      : { arguments: mainInput(config, facts, startSeconds, way), count: 1 };
  const inputs: ProgramInputs = {
    arguments: main.arguments,
    videoMap: "0:v:0",
    // Nobody could look into a source that connects to us: its sound is taken where it has one.
    audioMap: facts.assumed ? "0:a:0?" : main.count === 2 ? "1:a:0" : "0:a:0",
    filled: false,
  };
  let next = main.count;
  const length = fillerLength(config, facts, startSeconds);
  if (!facts.hasVideo) {
    inputs.arguments.push(
      ...length,
      "-f",
      "lavfi",
      "-i",
      `color=c=black:s=${video.width}x${video.height}:r=${video.fps}`,
    );
    inputs.videoMap = `${next}:v:0`;
    next += 1;
  }
  if (!facts.hasAudio) {
    inputs.arguments.push(...length, "-f", "lavfi", "-i", silence(config));
    inputs.audioMap = `${next}:a:0`;
  }
  inputs.filled = !facts.hasVideo || !facts.hasAudio;
  return inputs;
}

/** As long as the source where that is known; otherwise without end. */
function fillerLength({ source }: StreamConfig, { durationSeconds }: MediaFacts, startSeconds: number): string[] {
  const endless = durationSeconds === undefined || (source.type === "file" && source.loop);
  return endless ? [] : ["-t", String(durationSeconds - startSeconds)];
}

/** An input that is silent for ever. */
export const silence = ({ audio }: StreamConfig) =>
  `anullsrc=r=${audio.sampleRateHz}:cl=${audio.channels === 1 ? "mono" : "stereo"}`;

function mainInput(config: StreamConfig, facts: MediaFacts, startSeconds: number, way: Way | undefined): string[] {
  const { source, stallTimeoutMs } = config;
  const live = isLiveSource(source, facts);
  return [
    ...(!live && isRealtime(config, facts) ? ["-re"] : []),
    ...(source.type === "file" && source.loop ? ["-stream_loop", "-1"] : []),
    ...(!live && startSeconds > 0 ? ["-ss", startSeconds.toFixed(3)] : []),
    ...(live ? ["-fflags", "+genpts", "-thread_queue_size", "1024"] : []),
    ...openArguments(source, stallTimeoutMs, way),
  ];
}

function testInputs(config: StreamConfig): ProgramInputs {
  const { source, video, audio } = config;
  if (source.type !== "test") throw new TypeError("Only a test source has a test picture.");
  const tone =
    source.toneHz === 0 ? silence(config) : `sine=frequency=${source.toneHz}:sample_rate=${audio.sampleRateHz}`;
  return {
    arguments: [
      ...["-re", "-f", "lavfi", "-i", `${source.pattern}=size=${video.width}x${video.height}:rate=${video.fps}`],
      ...["-re", "-f", "lavfi", "-i", tone],
    ],
    videoMap: "0:v:0",
    audioMap: "1:a:0",
    filled: false,
  };
}

function deviceInputs(source: Extract<Source, { type: "device" }>): { arguments: string[]; count: number } {
  const { video, audio } = source;
  const option = (name: string, value: string | number | undefined) =>
    value === undefined ? [] : [name, String(value)];
  const size = video?.width === undefined || video.height === undefined ? undefined : `${video.width}x${video.height}`;
  const queue = ["-thread_queue_size", "1024"];
  const pictures =
    video === undefined
      ? []
      : [
          ...queue,
          ...["-f", video.format],
          ...option("-framerate", video.fps),
          ...option("-video_size", size),
          ...option("-input_format", video.inputFormat),
          ...["-i", video.device],
        ];
  const sound = audio === undefined ? [] : [...queue, "-f", audio.format, "-i", audio.device];
  return { arguments: [...pictures, ...sound], count: (video ? 1 : 0) + (audio ? 1 : 0) };
}
