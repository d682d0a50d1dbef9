import { type Argon2Parameters, argon2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

const derive = promisify(argon2);

/** Argon2id with 19 MiB, 2 passes, 1 lane: https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html */
const COST = { memory: 19_456, passes: 2, parallelism: 1, tagLength: 32 } as const;
const SALT_BYTES = 16;

/** @returns the hash as a PHC string, which carries its parameters, so that they can be raised later. */
export async function hashPassword(password: string): Promise<string> {
  const nonce = randomBytes(SALT_BYTES);
  const tag = await derive("argon2id", { ...COST, nonce, message: normal(password) });
  const { memory, passes, parallelism } = COST;
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(nonce)}$${base64(tag)}`;
}

/** Whether the password belongs to the hash. Takes the time of one hash either way. */
export async function checkPassword(password: string, stored: string): Promise<boolean> {
  const known = parse(stored);
  if (known === undefined) return false;
  const { tag, ...parameters } = known;
  const given = await derive("argon2id", { ...parameters, message: normal(password) });
  return timingSafeEqual(given, tag);
}

function parse(stored: string): (Omit<Argon2Parameters, "message"> & { tag: Buffer }) | undefined {
  const match = /^\$argon2id\$v=19\$m=(\d{1,8}),t=(\d{1,3}),p=(\d{1,3})\$([\w+/]+)\$([\w+/]+)$/.exec(stored);
  const [, memory, passes, parallelism, salt, text] = match ?? [];
  if (salt === undefined || text === undefined) return undefined;
  const tag = Buffer.from(text, "base64");
  return {
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    nonce: Buffer.from(salt, "base64"),
    tagLength: tag.length,
    tag,
  };
}

/** The same characters typed on two systems must be the same bytes (NIST SP 800-63B-4 §3.1.1.2). */
const normal = (password: string): string => password.normalize("NFKC");

const base64 = (bytes: Buffer): string => bytes.toString("base64").replaceAll("=", "");
