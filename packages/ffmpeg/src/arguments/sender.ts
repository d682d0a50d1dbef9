import type { Destination, FileFormat } from "@stream-control/protocol";
import { FILE_FORMATS } from "@stream-control/protocol";
import { PROGRESS_PIPE } from "./program.js";
import { addressOn, type Way } from "./way.js";

/** ffmpeg's name for each container. */
const MUXERS: Record<FileFormat, string> = { mp4: "mp4", mov: "mov", mkv: "matroska", ts: "mpegts", flv: "flv" };

/** MPEG-TS carries AAC with ADTS headers; these containers want it bare. */
const BARE_AAC = ["-bsf:a", "aac_adtstoasc"];
/**
 * In fragments, so that a recording that was cut off plays up to the cut. The header waits for the first packets, because
 * the sound's parameters come with them.
 */
const FRAGMENTED = ["-movflags", "+frag_keyframe+delay_moov+default_base_moof"];
const CONTAINER_OPTIONS: Record<FileFormat, string[]> = {
  mp4: [...BARE_AAC, ...FRAGMENTED],
  mov: [...BARE_AAC, ...FRAGMENTED],
  mkv: BARE_AAC,
  flv: [...BARE_AAC, "-flvflags", "no_duration_filesize"],
  ts: [],
};

/** What a sender may write to. */
const PROTOCOLS: Record<Destination["type"], string> = {
  rtmp: "rtmp,rtmps,tcp,tls",
  srt: "srt",
  hls: "file",
  file: "file",
};

/** Microseconds that a network destination may block before its sender gives up. */
const SEND_TIMEOUT_US = "10000000";

/**
 * The container of a recording: as given, else by the file name's ending.
 *
 * @returns undefined where the ending says nothing.
 */
export function fileFormatOf(destination: Extract<Destination, { type: "file" }>): FileFormat | undefined {
  if (destination.format !== undefined) return destination.format;
  const ending = /\.([a-z0-9]+)$/i.exec(destination.path)?.[1]?.toLowerCase();
  return FILE_FORMATS.find((format) => format === ending || (format === "ts" && ending === "m2ts"));
}

/** An RTMP address with its stream key as last path segment, before any query. */
export function rtmpAddress({ url, streamKey }: { url: string; streamKey?: string | undefined }): string {
  if (streamKey === undefined) return url;
  const [path = "", ...query] = url.split("?");
  return `${path.replace(/\/+$/, "")}/${streamKey}${query.length === 0 ? "" : `?${query.join("?")}`}`;
}

/**
 * The arguments of one destination's sender: it copies the MPEG-TS of its standard input to the destination and ends
 * with its input. Progress comes on descriptor 3.
 *
 * @param again whether the same sender ran before in this job, so that an HLS playlist is gone on with.
 * @param way how the destination is reached, unless straight by its address.
 * @throws RangeError for a file whose container nobody named; see {@link fileFormatOf}.
 */
export function senderArguments(
  destination: Destination,
  { again = false, way }: { again?: boolean; way?: Way | undefined } = {},
): string[] {
  return [
    ...["-hide_banner", "-nostdin", "-y", "-loglevel", "level+warning", "-nostats"],
    ...["-progress", PROGRESS_PIPE, "-stats_period", "0.25"],
    // A reader that fell behind meets a cut: what the cut left in pieces is thrown away.
    ...["-protocol_whitelist", "pipe", "-fflags", "+discardcorrupt", "-thread_queue_size", "512"],
    ...["-probesize", "2000000", "-analyzeduration", "500000", "-f", "mpegts", "-i", "pipe:0"],
    ...["-map", "0:v:0", "-map", "0:a:0?", "-c", "copy"],
    ...["-protocol_whitelist", way?.protocols ?? PROTOCOLS[destination.type], ...(way?.options ?? [])],
    ...output(destination, again, way),
  ];
}

function output(destination: Destination, again: boolean, way: Way | undefined): string[] {
  switch (destination.type) {
    case "rtmp":
      return [
        ...[...CONTAINER_OPTIONS.flv, "-f", "flv", "-rw_timeout", SEND_TIMEOUT_US],
        addressOn(way, rtmpAddress(destination)),
      ];
    case "srt":
      return [
        ...["-f", "mpegts", "-mode", "caller", "-latency", String(destination.latencyMs * 1000), "-pkt_size", "1316"],
        ...["-connect_timeout", "5000", "-timeout", SEND_TIMEOUT_US],
        ...(destination.passphrase === undefined ? [] : ["-passphrase", destination.passphrase]),
        addressOn(way, destination.url),
      ];
    case "hls":
      return hls(destination, again);
    case "file":
      return file(destination);
  }
}

function hls({ path, segmentSeconds, listSize }: Extract<Destination, { type: "hls" }>, again: boolean): string[] {
  const flags = [
    ...["independent_segments", "program_date_time", "temp_file"],
    ...(listSize > 0 ? ["delete_segments"] : []),
    ...(again ? ["append_list", "discont_start"] : []),
  ];
  const folder = path.replace(/\/+$/, "");
  return [
    ...["-f", "hls", "-hls_time", String(segmentSeconds), "-hls_list_size", String(listSize)],
    ...["-hls_flags", flags.join("+"), "-hls_segment_filename", `${folder}/segment_%06d.ts`],
    `${folder}/index.m3u8`,
  ];
}

function file(destination: Extract<Destination, { type: "file" }>): string[] {
  const format = fileFormatOf(destination);
  if (format === undefined)
    throw new RangeError(
      `The file name's ending names no container. Give "format", or end it with one of: ${FILE_FORMATS.join(", ")}.`,
    );
  return [...CONTAINER_OPTIONS[format], "-flush_packets", "1", "-f", MUXERS[format], `file:${destination.path}`];
}
