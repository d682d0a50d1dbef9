import { z } from "zod";

const UNITS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const NAMES = { m: "minute", h: "hour", d: "day" } as const;
const LONGEST_MS = 366 * UNITS.d;

/** A span of time as it stands in a query. */
export interface Period {
  readonly ms: number;
  /** Such as `10 minutes`. */
  readonly words: string;
}

/** `10m`, `24h`, `30d`. */
export const periodSchema = z
  .string()
  .regex(/^[1-9]\d{0,4}[mhd]$/, "must look like 10m, 24h or 30d")
  .transform((text): Period => {
    const unit = text.slice(-1) as keyof typeof UNITS;
    const count = Number(text.slice(0, -1));
    return { ms: count * UNITS[unit], words: `${count} ${NAMES[unit]}${count === 1 ? "" : "s"}` };
  })
  .refine(({ ms }) => ms <= LONGEST_MS, "must be at most 366d");

/** How far a forecast looks, by which slots of history, and how much of that is read. */
export const HORIZONS = {
  "1h": { ahead: 1, unit: "h", words: "next hour", history: 28 * 24 },
  "24h": { ahead: 24, unit: "h", words: "next 24 hours", history: 28 * 24 },
  "7d": { ahead: 7, unit: "d", words: "next 7 days", history: 200 },
  "30d": { ahead: 30, unit: "d", words: "next 30 days", history: 200 },
} as const;
export type Horizon = keyof typeof HORIZONS;

const SLOT_MS = { h: UNITS.h, d: UNITS.d } as const;
const NAMED_BY = { h: 13, d: 10 } as const;

/** How the slots of a unit are named: by so many characters of a time. */
export const charactersOf = (unit: "h" | "d"): 10 | 13 => NAMED_BY[unit];

/**
 * Counts of whole hours or days, without gaps.
 *
 * @param counts by the beginning of the slots' times.
 * @param firstMs the slot of that moment is the first whole one behind it.
 * @param nowMs the slot of that moment has not ended and is left out.
 */
export function series(counts: ReadonlyMap<string, number>, firstMs: number, nowMs: number, unit: "h" | "d"): number[] {
  const slotMs = SLOT_MS[unit];
  const values: number[] = [];
  for (let at = Math.ceil(firstMs / slotMs) * slotMs; at + slotMs <= nowMs; at += slotMs)
    values.push(counts.get(new Date(at).toISOString().slice(0, NAMED_BY[unit])) ?? 0);
  return values;
}

/** When so many whole slots before a moment begin. */
export const slotsBefore = (nowMs: number, slots: number, unit: "h" | "d"): number =>
  Math.floor(nowMs / SLOT_MS[unit]) * SLOT_MS[unit] - slots * SLOT_MS[unit];
