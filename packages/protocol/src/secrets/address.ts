/** Stands in place of what was taken out. */
export const REDACTED = "[secret]";

/** Addresses inside a text, each up to the next blank, quote or bracket. */
const ADDRESS =
  /\b(?:rtmp[a-z]*|srt|rtsps?|rtp|rist|https?|wss?|tcp|udp|tls|s?ftp|nats|rediss?|amqps?|postgres(?:ql)?):\/\/[^\s'"<>|]+/gi;

/** At the end of an address it belongs to the sentence, a bracket too, unless it is that of what was put in. */
const PUNCTUATION = /(?:[.,:;)]|(?<!\[secret)\])*$/;

/**
 * An address that may be shown: without user and password, without query and fragment, and with RTMP's last path segment
 * (the stream key, by custom) replaced where there is an application before it. Shown once, it stays as it is.
 */
export function redactAddress(address: string): string {
  return redactParts(address, () => `?${REDACTED}`);
}

/**
 * The same for an address that is made to be handed around, such as that of a page to watch a stream on: its query stays,
 * except for the values of parameters for which `isSecret` holds.
 */
export function redactPublicAddress(address: string, isSecret: (name: string) => boolean): string {
  return redactParts(address, (rest) =>
    rest.replace(/([?&#;])([^=&#;]+)=([^&#;]*)/g, (whole, before: string, name: string) =>
      isSecret(decoded(name)) ? `${before}${name}=${REDACTED}` : whole,
    ),
  );
}

function redactParts(address: string, shownRest: (rest: string) => string): string {
  const parts = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)([\s\S]*)$/i.exec(address);
  if (parts === null) return address;
  const [, scheme = "", authority = "", path = "", rest = ""] = parts;
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  const shown = /^rtmp/i.test(scheme) ? path.replace(/^(\/[^/]+\/)(.*[^/])(\/*)$/s, hideLastSegment) : path;
  return `${scheme}://${host}${shown}${rest === "" ? "" : shownRest(rest)}`;
}

function hideLastSegment(_: string, application: string, others: string, slashes: string): string {
  return `${application}${others.slice(0, others.lastIndexOf("/") + 1)}${REDACTED}${slashes}`;
}

/** A text with each address in it as `show` gives it. */
export function replaceAddresses(text: string, show: (address: string) => string): string {
  return text.replace(ADDRESS, (address) => {
    const end = PUNCTUATION.exec(address)?.[0] ?? "";
    return show(address.slice(0, address.length - end.length)) + end;
  });
}

/** What an address keeps secret: its password, RTMP's last path segment, the values of its query. */
export function secretsOfAddress(url: string): string[] {
  const [beforeFragment = ""] = url.split("#");
  const [address = "", query = ""] = splitOnce(beforeFragment, "?");
  const userinfo = /^[a-z0-9+.-]+:\/\/([^/]*)@/i.exec(address)?.[1];
  // Where there is no password, the name itself is a token.
  const password = userinfo === undefined ? undefined : (splitOnce(userinfo, ":")[1] ?? userinfo);
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

/** The secrets of every address in a text. */
export function secretsOfText(text: string): string[] {
  // A whole address first: it may hold characters that would end one inside a sentence.
  const whole = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? secretsOfAddress(text) : [];
  const inside = text.match(ADDRESS)?.flatMap(secretsOfAddress) ?? [];
  return [...whole, ...inside].filter((secret) => secret !== REDACTED);
}

/** SRT's settings in an address: their values are ordinary words and numbers. */
const HARMLESS_PARAMETERS = new Set(["mode", "latency", "pkt_size", "pbkeylen", "timeout", "transtype"]);

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}

/** What percent signs stand for; the text itself where they stand for nothing. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
