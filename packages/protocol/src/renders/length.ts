import { z } from "zod";

/** A share of the picture's side, or pixels. */
const LENGTH = /^(-?\d{1,6}(?:\.\d{1,6})?)\s*(%|px)?$/;
const MAX_PIXELS = 32_768;
const MAX_PERCENT = 1000;

const reads = (text: string): boolean => {
  const [, number, unit] = LENGTH.exec(text) ?? [];
  return number !== undefined && Math.abs(Number(number)) <= (unit === "%" ? MAX_PERCENT : MAX_PIXELS);
};

/** A place or a size: pixels as a number, `"120px"` or `"120"`, or a share of the picture's side as `"12.5%"`. */
export const lengthSchema = z
  .union([
    z.number().min(-MAX_PIXELS).max(MAX_PIXELS),
    z.string().max(32).refine(reads, `must be pixels (120, "120px", up to ${MAX_PIXELS}) or a share such as "12.5%"`),
  ])
  .meta({ id: "RenderLength" });
export type RenderLength = z.infer<typeof lengthSchema>;

/**
 * A length in whole pixels.
 *
 * @param whole what is 100 %, in pixels.
 */
export function pixelsOf(length: RenderLength, whole: number): number {
  if (typeof length === "number") return Math.round(length);
  const [, number = "0", unit] = LENGTH.exec(length) ?? [];
  return Math.round(unit === "%" ? (Number(number) * whole) / 100 : Number(number));
}
