/** A duration in milliseconds as h:mm:ss or m:ss, whole seconds counted down: what is left of a second counts as one. */
export function clock(ms, { up = false } = {}) {
  const seconds = up ? Math.floor(ms / 1000) : Math.ceil(ms / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (value) => String(value).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Over (+) or under (−) as text. */
export function overUnder(ms) {
  if (ms === null) return "–";
  if (Math.abs(ms) < 500) return "on time";
  return ms > 0 ? `+${clock(ms, { up: true })} over` : `−${clock(-ms, { up: true })} under`;
}

/**
 * What an update shows at a later moment: the service counts nothing up, so a page need not be told either.
 *
 * @param update as it came; @param atMs the service's clock by now.
 */
export function shownAt(update, atMs) {
  const { scene, mode } = update;
  const runs = mode === "running" && scene !== null && scene.zero_at_ms !== null;
  const elapsedMs = scene === null ? 0 : runs ? Math.max(0, atMs - scene.zero_at_ms) : scene.elapsed_ms;
  const moreMs = scene === null ? 0 : elapsedMs - scene.elapsed_ms;
  const remainingMs = scene === null ? 0 : scene.duration_ms - elapsedMs;
  return {
    remainingMs: Math.max(0, remainingMs),
    overMs: Math.max(0, -remainingMs),
    progress: scene === null ? 0 : Math.min(1, elapsedMs / Math.max(1, scene.duration_ms)),
    totalElapsedMs: update.elapsed_ms + moreMs,
    totalRemainingMs: Math.max(0, update.remaining_ms - moreMs),
  };
}
