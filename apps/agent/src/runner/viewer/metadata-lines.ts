/** What a line of the viewer's filters says. */
export type Sign =
  | { kind: "interval" }
  | { kind: "level"; channel: number; measure: "peak" | "rms"; dbfs: number }
  | { kind: "picture"; what: "black" | "frozen"; holds: boolean };

/** Less than this is silence, also what ffmpeg calls minus infinity. */
export const FLOOR_DBFS = -120;
const CEILING_DBFS = 60;

const LEVEL = /^lavfi\.astats\.(\d{1,2})\.(Peak|RMS)_level=(\S+)$/;
const PICTURES: readonly [start: string, what: "black" | "frozen", holds: boolean][] = [
  ["lavfi.black_start=", "black", true],
  ["lavfi.black_end=", "black", false],
  ["lavfi.freezedetect.freeze_start=", "frozen", true],
  ["lavfi.freezedetect.freeze_end=", "frozen", false],
];

/** Reads one line; undefined for what says nothing here. */
export function readSign(line: string): Sign | undefined {
  if (line.startsWith("frame:")) return { kind: "interval" };
  const level = LEVEL.exec(line);
  if (level !== null) {
    const channel = Number(level[1]);
    const dbfs = Number(level[3]);
    const bounded = Number.isNaN(dbfs) || level[3] === "-inf" ? FLOOR_DBFS : dbfs;
    return {
      ...{ kind: "level", channel, measure: level[2] === "Peak" ? "peak" : "rms" },
      dbfs: Math.round(Math.min(CEILING_DBFS, Math.max(FLOOR_DBFS, bounded)) * 10) / 10,
    };
  }
  const picture = PICTURES.find(([start]) => line.startsWith(start));
  return picture && { kind: "picture", what: picture[1], holds: picture[2] };
}
