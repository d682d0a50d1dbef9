import { BusError } from "./bus.js";

const TOKEN = /^[A-Za-z0-9_=-]+$/;
/** NATS allows more, but keys of leases become keys of a NATS bucket. */
const MAX_LENGTH = 250;

/** @throws BusError for what cannot be a subject, or a key of a lease. */
export function assertSubject(subject: string): void {
  if (subject.length > MAX_LENGTH || !subject.split(".").every((part) => TOKEN.test(part)))
    throw new BusError(
      "INVALID_SUBJECT",
      `${JSON.stringify(subject)} is no subject: tokens of A-Z a-z 0-9 _ = - between dots, ${MAX_LENGTH} characters at most.`,
    );
}

/** @throws BusError for what cannot be a pattern. */
export function assertPattern(pattern: string): void {
  const parts = pattern.split(".");
  const valid = parts.every(
    (part, index) => TOKEN.test(part) || part === "*" || (part === ">" && index === parts.length - 1),
  );
  if (!valid || pattern.length > MAX_LENGTH)
    throw new BusError(
      "INVALID_SUBJECT",
      `${JSON.stringify(pattern)} is no pattern: tokens between dots, * for one token, > at the end for the rest.`,
    );
}

/** Whether a pattern has wildcards. */
export const isWild = (pattern: string): boolean => /[*>]/.test(pattern);

/** Whether a subject fits a pattern. */
export function matches(pattern: string, subject: string): boolean {
  const wanted = pattern.split(".");
  const given = subject.split(".");
  for (const [index, part] of wanted.entries()) {
    if (part === ">") return given.length > index;
    if (index >= given.length || (part !== "*" && part !== given[index])) return false;
  }
  return wanted.length === given.length;
}

/** Any text as one token of a subject: other characters than `A-Z a-z 0-9 _ -` become `=` and their UTF-8 bytes in hex. */
export function token(text: string): string {
  if (text === "") return "=";
  return text.replace(/[^A-Za-z0-9_-]/gu, (character) =>
    [...Buffer.from(character)].map((byte) => `=${byte.toString(16).padStart(2, "0")}`).join(""),
  );
}
