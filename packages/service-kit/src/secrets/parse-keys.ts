import { randomBytes } from "node:crypto";
import { ConfigError } from "../config.js";
import { KEY_BYTES } from "./key-ring.js";

/** 32 random bytes have about 30 different ones; one of fewer than this was typed, not drawn. */
const MIN_DIFFERENT_BYTES = 16;

/** A new key, as it is given to the service. */
export const generateKey = (): string => randomBytes(KEY_BYTES).toString("base64");

/**
 * Reads keys: 32 bytes each, in base64, base64url or hexadecimal, separated by blanks, line ends or commas. A `#` begins a
 * comment up to the end of its line.
 *
 * @param name of the variable that they come from, for the error's sentence. The values are not repeated in it.
 * @throws ConfigError for what is no such key, and where there is none.
 */
export function parseKeys(text: string, name: string): Buffer[] {
  const words = text
    .replace(/#.*$/gm, " ")
    .split(/[\s,]+/)
    .filter((word) => word !== "");
  if (words.length === 0) throw wrong(name, "there is no key in it");
  return words.map((word, index) => {
    const which = words.length === 1 ? "it" : `number ${index + 1}`;
    const key = decodeKey(word);
    if (key === undefined) throw wrong(name, `${which} is not 32 bytes in base64 or hexadecimal`);
    if (new Set(key).size < MIN_DIFFERENT_BYTES) throw wrong(name, `${which} is not random`);
    return key;
  });
}

function decodeKey(word: string): Buffer | undefined {
  if (/^[0-9a-f]{64}$/i.test(word)) return Buffer.from(word, "hex");
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(word)) return undefined;
  const key = Buffer.from(word, "base64");
  return key.length === KEY_BYTES ? key : undefined;
}

const wrong = (name: string, what: string) =>
  new ConfigError(
    `${name} is wrong: ${what}. Give 32 random bytes in base64, such as "openssl rand -base64 32" or "node dist/main.js secrets generate-key" print them.`,
  );
