/** `1:02:03`, `4:05`: a length of time given in milliseconds. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (value: number) => String(value).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** `2.5 Mbit/s`, `640 kbit/s`. */
export const bitrate = (kbps: number): string =>
  kbps >= 1000 ? `${(kbps / 1000).toFixed(kbps >= 10_000 ? 0 : 1)} Mbit/s` : `${Math.round(kbps)} kbit/s`;

/** `1.2 GiB`, `340 MiB`. */
export const memory = (mebibytes: number): string =>
  mebibytes >= 1024 ? `${(mebibytes / 1024).toFixed(1)} GiB` : `${Math.round(mebibytes)} MiB`;

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dayAndClock = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** The time of day of a timestamp, as the visitor writes it. */
export const timeOfDay = (timestamp: string): string => clock.format(new Date(timestamp));
/** Day and time of a timestamp, as the visitor writes them. */
export const dayAndTime = (timestamp: string): string => dayAndClock.format(new Date(timestamp));

/** `just now`, `12 s ago`, `5 min ago`, and the day for what is long ago. */
export function ago(timestamp: string, nowMs: number): string {
  const seconds = Math.max(0, (nowMs - Date.parse(timestamp)) / 1000);
  if (seconds < 2) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return dayAndTime(timestamp);
}

/** `3 streams`, `1 stream`. */
export const count = (number: number, one: string, many = `${one}s`): string =>
  `${number.toLocaleString()} ${number === 1 ? one : many}`;
