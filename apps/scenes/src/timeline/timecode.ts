import type { FrameRate } from "./rundown.js";

/** Whole frames that are counted per second, and whether the real rate is 1000/1001 of that. */
const RATES: Record<FrameRate, { counted: number; broken: boolean }> = {
  "24": { counted: 24, broken: false },
  "25": { counted: 25, broken: false },
  "29.97": { counted: 30, broken: true },
  "30": { counted: 30, broken: false },
  "50": { counted: 50, broken: false },
  "59.94": { counted: 60, broken: true },
  "60": { counted: 60, broken: false },
};

/**
 * A time as timecode, `HH:MM:SS:FF`. The broken rates count in drop frame (`HH:MM:SS;FF`): the first two (four) frame
 * numbers of each minute that is not a tenth are left out, so that it keeps up with the clock (SMPTE ST 12-1). It goes on
 * from 00 after 24 hours.
 */
export function timecodeOf(elapsedMs: number, rate: FrameRate): string {
  const { counted, broken } = RATES[rate];
  const frames = Math.floor(broken ? (elapsedMs * counted) / 1001 : (elapsedMs * counted) / 1000);
  const numbered = broken ? frames + droppedBefore(frames, counted) : frames;
  const [seconds, frame] = [Math.floor(numbered / counted), numbered % counted];
  const parts = [Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60].map(twoDigits);
  return `${parts.join(":")}${broken ? ";" : ":"}${twoDigits(frame)}`;
}

function droppedBefore(frames: number, counted: number): number {
  const perMinute = counted / 15;
  const inTenMinutes = counted * 600 - perMinute * 9;
  const [tens, rest] = [Math.floor(frames / inTenMinutes), frames % inTenMinutes];
  const inFirstMinute = counted * 60;
  const minutes = rest < inFirstMinute ? 0 : 1 + Math.floor((rest - inFirstMinute) / (inFirstMinute - perMinute));
  return perMinute * (9 * tens + minutes);
}

const twoDigits = (value: number): string => String(value).padStart(2, "0");
