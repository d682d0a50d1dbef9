import { hash, randomBytes, timingSafeEqual } from "node:crypto";

const ID_BYTES = 9;
const SECRET_BYTES = 32;

/** A random token as it is handed out, and what of it is kept. */
export interface NewToken {
  /** `<prefix>_<id>_<secret>`, shown once. */
  text: string;
  /** Finds the row; no secret. */
  id: string;
  /** What is stored of the secret. */
  hash: string;
}

/**
 * Makes a token. 256 random bits can't be guessed however fast a guess is, so that a plain SHA-256 is all the hash it
 * takes; slow hashes are for what people make up.
 *
 * @param prefix says what it is, so that scanners for leaked secrets can find it.
 */
export function newToken(prefix: string): NewToken {
  // Hexadecimal: an underscore of base64url would be taken for the separator.
  const id = randomBytes(ID_BYTES).toString("hex");
  const secret = randomBytes(SECRET_BYTES).toString("base64url");
  return { text: `${prefix}_${id}_${secret}`, id, hash: hashSecret(secret) };
}

/** Takes a token apart; undefined for what cannot be one. */
export function readToken(prefix: string, text: string): { id: string; secret: string } | undefined {
  const match = /^([a-z]+)_([0-9a-f]{18})_([\w-]{43})$/.exec(text);
  const [, kind, id, secret] = match ?? [];
  return kind !== prefix || id === undefined || secret === undefined ? undefined : { id, secret };
}

export const hashSecret = (secret: string): string => hash("sha256", secret, "base64url");

/** Compares a secret with the hash of the right one; how long it takes says nothing of where they differ. */
export function matches(secret: string, stored: string): boolean {
  const right = Buffer.from(stored, "base64url");
  const given = hash("sha256", secret, "buffer");
  return given.length === right.length && timingSafeEqual(given, right);
}

/** Compares two texts in a time that does not depend on what is in them: texts differ in length, their digests do not. */
export function sameText(given: string, right: string): boolean {
  return timingSafeEqual(hash("sha256", given, "buffer"), hash("sha256", right, "buffer"));
}
