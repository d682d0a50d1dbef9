import type { Destination, Source, StreamConfig } from "@stream-control/protocol";
import { rtmpAddress } from "./arguments/sender.js";

/** Stands in place of what was taken out. */
export const REDACTED = "[secret]";

/** Text without addresses' secrets and without the secrets that the redactor knows. */
export type Redactor = (text: string) => string;

/** Shorter ones would be found inside ordinary words; they are taken out of addresses by their place alone. */
const MIN_SECRET_LENGTH = 4;

/**
 * An address that may be shown: without user and password, without query and fragment, and with RTMP's last path segment
 * (the stream key, by custom) replaced where there is an application before it.
 */
export function redactAddress(address: string): string {
  const parts = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)([\s\S]*)$/i.exec(address);
  if (parts === null) return address;
  const [, scheme = "", authority = "", path = "", rest = ""] = parts;
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  const shown = /^rtmp/i.test(scheme) ? path.replace(/^(\/[^/]+\/)(.*[^/])(\/*)$/s, hideLastSegment) : path;
  return `${scheme}://${host}${shown}${rest === "" ? "" : `?${REDACTED}`}`;
}

function hideLastSegment(_: string, application: string, others: string, slashes: string): string {
  return `${application}${others.slice(0, others.lastIndexOf("/") + 1)}${REDACTED}${slashes}`;
}

/** Every secret that a config holds: keys, passphrases, passwords, tokens in queries, keys at the end of addresses. */
export function secretsOf(config: Pick<StreamConfig, "source" | "destinations">): string[] {
  const secrets = [config.source, ...config.destinations].flatMap(secretsOfEnd);
  return [...new Set(secrets)];
}

function secretsOfEnd(end: Source | Destination): string[] {
  const secrets: string[] = [];
  if ("passphrase" in end && end.passphrase !== undefined) secrets.push(end.passphrase);
  if ("streamKey" in end && end.streamKey !== undefined) secrets.push(end.streamKey);
  if ("url" in end) secrets.push(...secretsOfAddress(end.url));
  return secrets;
}

function secretsOfAddress(url: string): string[] {
  const [beforeFragment = ""] = url.split("#");
  const [address = "", query = ""] = splitOnce(beforeFragment, "?");
  const userinfo = /^[a-z0-9+.-]+:\/\/([^/]*)@/i.exec(address)?.[1];
  const password = userinfo === undefined ? undefined : splitOnce(userinfo, ":")[1];
  const segments = address
    .split("/")
    .slice(3)
    .filter((segment) => segment !== "");
  const key = /^rtmp/i.test(address) && segments.length > 1 ? segments.at(-1) : undefined;
  const values = query.split("&").flatMap((pair) => {
    const [name = "", value = ""] = splitOnce(pair, "=");
    return HARMLESS_PARAMETERS.has(name) ? [] : [value];
  });
  return [password, key, ...values].filter((secret) => secret !== undefined && secret !== "") as string[];
}

/** SRT's settings in an address: their values are ordinary words and numbers. */
const HARMLESS_PARAMETERS = new Set(["mode", "latency", "pkt_size", "pbkeylen", "timeout", "transtype"]);

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}

const ADDRESS = /\b(?:rtmp[a-z]*|srt|rtsps?|https?|tcp|udp|tls):\/\/[^\s'"<>|]+/gi;

/** At the end of an address it belongs to the sentence, a bracket too, unless it is that of what was put in. */
const PUNCTUATION = /(?:[.,:;)]|(?<!\[secret)\])*$/;

/** Makes the redactor of one job; it also knows the secrets as they look inside an address. */
export function createRedactor(secrets: readonly string[]): Redactor {
  const known = [...new Set(secrets.flatMap((secret) => [secret, encodeURIComponent(secret), decoded(secret)]))]
    .filter((secret) => secret.length >= MIN_SECRET_LENGTH)
    // The longer first, so that no rest of a secret stays behind a shorter one inside it.
    .sort((a, b) => b.length - a.length);
  return (text) =>
    known
      .reduce((shown, secret) => shown.replaceAll(secret, REDACTED), text)
      .replace(ADDRESS, (address) => {
        const end = PUNCTUATION.exec(address)?.[0] ?? "";
        return redactAddress(address.slice(0, address.length - end.length)) + end;
      });
}

function decoded(secret: string): string {
  try {
    return decodeURIComponent(secret);
  } catch {
    return secret;
  }
}

/** A destination's address or path as it may be shown. */
export function destinationTarget(destination: Destination): string {
  switch (destination.type) {
    case "rtmp":
      return redactAddress(rtmpAddress(destination));
    case "srt":
      return redactAddress(destination.url);
    default:
      return destination.path;
  }
}
