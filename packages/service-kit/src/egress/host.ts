import { isIP } from "node:net";

/**
 * A host as every program reads it: names in lower case and ASCII, and IPv4 addresses in dotted form, whichever way they
 * were written (`2130706433`, `0x7f.1`, `0177.0.0.1`, `127.0.0.1.`). By the rules of the URL standard, which are those of
 * `inet_aton` for numbers.
 *
 * @param host a name or an address, an IPv6 one with or without brackets.
 * @returns undefined for what is no host, such as an address with a zone (`fe80::1%eth0`).
 */
export function canonicalHost(host: string): string | undefined {
  const bare = /^\[(.*)\]$/.exec(host)?.[1] ?? host;
  if (bare === "" || /[\s\\/?#@%<>^|]/.test(bare)) return undefined;
  const url = `http://${bare.includes(":") ? `[${bare}]` : bare}/`;
  if (!URL.canParse(url)) return undefined;
  const { hostname } = new URL(url);
  return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
}

/** Whether a canonical host is an address and needs no look-up. */
export const isAddress = (host: string): boolean => isIP(host) !== 0;
