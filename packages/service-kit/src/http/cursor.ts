import { AppError } from "../errors.js";

/** A place in a list, opaque to clients so that its meaning can change. */
export const encodeCursor = (seq: number): string => Buffer.from(`s${seq}`).toString("base64url");

/** @throws AppError `INVALID_REQUEST` for anything that {@link encodeCursor} did not make. */
export function decodeCursor(cursor: string): number {
  const match = /^s(\d{1,15})$/.exec(Buffer.from(cursor, "base64url").toString("latin1"));
  if (match?.[1] === undefined)
    throw new AppError("INVALID_REQUEST", "The cursor is not one that this list gave; begin again without it.");
  return Number(match[1]);
}
