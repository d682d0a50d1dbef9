/**
 * How a source fares.
 *
 * - `down`: no encoder runs for it; it waits for its next try, or for none.
 * - `starting`: its encoder runs and has given no picture yet.
 * - `proving`: pictures come; it is not trusted yet.
 * - `good`: it may be on air.
 * - `faltering`: it may be on air, and no picture came for a part of the grace time.
 * - `lost`: its encoder runs, without pictures, or with pictures that count as none (black, frozen, silent).
 */
export const HEALTHS = ["down", "starting", "proving", "good", "faltering", "lost"] as const;
export type Health = (typeof HEALTHS)[number];

/**
 * What happens to a source.
 *
 * - `start`, `exit`: its encoder begins and ends.
 * - `frame`: a picture came, and nothing speaks against the source.
 * - `trust`: pictures came without a break for as long as is asked.
 * - `falter`, `miss`: no picture came for a part of the grace time, and for the whole of it.
 * - `bad`: the picture is black or frozen, or the sound silent, for as long as is asked.
 */
export const HEALTH_EVENTS = ["start", "exit", "frame", "trust", "falter", "miss", "bad"] as const;
export type HealthEvent = (typeof HEALTH_EVENTS)[number];

/** What changes; whatever is not named here changes nothing. */
const TABLE: Record<Health, Partial<Record<HealthEvent, Health>>> = {
  down: { start: "starting" },
  starting: { exit: "down", frame: "proving" },
  proving: { exit: "down", trust: "good", miss: "lost", bad: "lost" },
  good: { exit: "down", falter: "faltering", miss: "lost", bad: "lost" },
  faltering: { exit: "down", frame: "good", miss: "lost", bad: "lost" },
  lost: { exit: "down", frame: "proving" },
};

/** The next health. */
export const nextHealth = (health: Health, event: HealthEvent): Health => TABLE[health][event] ?? health;

/** Whether the source may be on air. */
export const isUsable = (health: Health | undefined): boolean => health === "good" || health === "faltering";
