import { REDACTED, redactAddress, redactPublicAddress, replaceAddresses, secretsOfText } from "./address.js";
import { isSecretName } from "./names.js";
import { createRedactor, type Redactor, redactText } from "./redactor.js";

/** What lies deeper is taken for a secret as a whole; nothing of ours is nested nearly as deep. */
const MAX_DEPTH = 64;

/** Shorter secrets could be ordinary words of titles and reasons; they are masked where they stand, not elsewhere. */
const MIN_KNOWN_LENGTH = 8;

/** Addresses that exist to be handed around: their queries name what is to be seen, such as YouTube's `watch?v=…`. */
const PUBLIC_ADDRESSES: ReadonlySet<string> = new Set(["publicUrl"]);

/**
 * Fields by which things are found again: whoever names a destination like its key has told the name. Only what is an
 * address in them is redacted.
 */
const IDENTIFIERS: ReadonlySet<string> = new Set([
  ...["id", "jobId", "agentId", "templateId", "destination", "destinationId", "room"],
  ...["type", "status", "state", "code", "cause", "fault", "onAir", "from"],
]);

/**
 * Whatever a value of JSON holds that must not be shown: values of fields with secret names, and the passwords, keys and
 * queries of addresses.
 */
export function secretsOf(value: unknown): string[] {
  const found = new Set<string>();
  collect(value, false, 0, found);
  return [...found];
}

function collect(value: unknown, secret: boolean, depth: number, found: Set<string>): void {
  if (depth > MAX_DEPTH) return;
  if (typeof value === "string") {
    if (secret && value !== "" && value !== REDACTED) found.add(value);
    for (const part of secretsOfText(value)) found.add(part);
  } else if (typeof value === "number") {
    if (secret) found.add(String(value));
  } else if (Array.isArray(value)) {
    for (const item of value) collect(item, secret, depth + 1, found);
  } else if (isPlain(value)) {
    for (const [name, item] of Object.entries(value)) {
      if (PUBLIC_ADDRESSES.has(name)) continue;
      collect(item, secret || isSecretName(name), depth + 1, found);
    }
  }
}

/**
 * A copy for eyes that may not see secrets: of a job, a template, a config in any form, an event, or anything else that is
 * JSON. Its shape and every other value stay. What is masked: strings and numbers in fields with secret names
 * (`streamKey`, `passphrase`, `auth: {…}`), user and password, query and RTMP's last path segment of every address in any
 * string, and each of these secrets wherever else in the value it is repeated, but for names such as a destination's `id`.
 * Pure; a masked value masked again stays as it is.
 */
export function maskSecrets<T>(value: T): T {
  return redactValue(value, createRedactor(secretsOf(value), MIN_KNOWN_LENGTH));
}

/** The same with a redactor that knows the secrets already, such as those of the job that an event belongs to. */
export function redactValue<T>(value: T, redact: Redactor): T {
  return mask(value, { redact, name: undefined, secret: false, depth: 0 }) as T;
}

interface Place {
  redact: Redactor;
  /** Of the field that the value stands in. */
  name: string | undefined;
  /** It, or one around it, has a secret name. */
  secret: boolean;
  depth: number;
}

function mask(value: unknown, place: Place): unknown {
  const { redact, name, secret, depth } = place;
  if (typeof value === "string") {
    if (secret) return value === "" ? value : REDACTED;
    if (name === undefined) return redact(value);
    if (PUBLIC_ADDRESSES.has(name)) return shownPublicly(value);
    return IDENTIFIERS.has(name) ? redactText(value) : redact(value);
  }
  if (typeof value === "number") return secret ? REDACTED : value;
  if (typeof value !== "object" || value === null) return value;
  if (!Array.isArray(value) && !isPlain(value)) return value;
  if (depth >= MAX_DEPTH) return REDACTED;
  if (Array.isArray(value)) return value.map((item) => mask(item, { ...place, depth: depth + 1 }));
  return Object.fromEntries(
    Object.entries(value).map(([field, item]) => [
      field,
      mask(item, { redact, name: field, secret: secret || isSecretName(field), depth: depth + 1 }),
    ]),
  );
}

/** Only web addresses are handed around; a page's name may still be in one that pushes a stream. */
const shownPublicly = (text: string): string =>
  replaceAddresses(text, (address) =>
    /^https?:/i.test(address) ? redactPublicAddress(address, isSecretName) : redactAddress(address),
  );

/** Dates, errors and the like are nothing that JSON knows; they stay what they are. */
function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
