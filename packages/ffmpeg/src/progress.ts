import type { Progress } from "@stream-control/protocol";

/** One report of `-progress`. */
export interface ProgressReport {
  progress: Progress;
  /** Bytes written so far; absent where the muxer can't tell. */
  totalBytes?: number;
  /** The last report: ffmpeg ends. */
  last: boolean;
}

/** ffmpeg writes short lines; a longer one is not from `-progress`. */
const MAX_LINE = 4096;

/**
 * Reads the blocks of `key=value` lines that `-progress` writes. Lenient: unknown keys, padded values, `N/A` and broken
 * lines cost nothing but the value. Chunks may be cut anywhere.
 */
export class ProgressParser {
  private rest = "";
  private values = new Map<string, string>();

  /** @returns the reports that the chunk completed. */
  push(chunk: string): ProgressReport[] {
    const lines = (this.rest + chunk).split("\n");
    this.rest = (lines.pop() ?? "").slice(-MAX_LINE);
    return lines.flatMap((line) => {
      const at = line.indexOf("=");
      if (at < 0) return [];
      const key = line.slice(0, at).trim();
      const value = line.slice(at + 1).trim();
      if (key !== "progress") {
        if (KEYS.has(key)) this.values.set(key, value);
        return [];
      }
      const report = reportOf(this.values, value === "end");
      this.values = new Map();
      return [report];
    });
  }
}

const KEYS = new Set([
  "frame",
  "fps",
  "bitrate",
  "speed",
  "drop_frames",
  "dup_frames",
  "out_time_us",
  "out_time",
  "total_size",
]);

function reportOf(values: ReadonlyMap<string, string>, last: boolean): ProgressReport {
  const number = (key: string, pattern = /^(\d+(?:\.\d+)?)$/) => {
    const text = pattern.exec(values.get(key) ?? "")?.[1];
    return text === undefined || !Number.isFinite(Number(text)) ? undefined : Number(text);
  };
  const whole = (key: string) => {
    const value = number(key, /^(\d{1,15})$/);
    return value === undefined ? undefined : Math.trunc(value);
  };
  const microseconds = whole("out_time_us");
  const fields: { [Key in keyof Progress]: Progress[Key] | undefined } = {
    frame: whole("frame"),
    fps: number("fps"),
    bitrateKbps: number("bitrate", /^(\d+(?:\.\d+)?)\s*kbits\/s$/),
    speed: number("speed", /^(\d+(?:\.\d+)?(?:e[+-]?\d+)?)x$/),
    droppedFrames: whole("drop_frames"),
    duplicatedFrames: whole("dup_frames"),
    outTimeMs: microseconds === undefined ? clockMs(values.get("out_time")) : microseconds / 1000,
  };
  const totalBytes = whole("total_size");
  return {
    // Absent rather than undefined, as the protocol wants it.
    progress: Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Progress,
    ...(totalBytes === undefined ? {} : { totalBytes }),
    last,
  };
}

function clockMs(text: string | undefined): number | undefined {
  const parts = /^(\d+):(\d{2}):(\d{2}(?:\.\d+)?)$/.exec(text ?? "");
  if (parts === null) return undefined;
  return ((Number(parts[1]) * 60 + Number(parts[2])) * 60 + Number(parts[3])) * 1000;
}
