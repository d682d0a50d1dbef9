import ipaddr from "ipaddr.js";

/** What kind of network an address belongs to, as far as an allow-list tells them apart. */
export const ADDRESS_CLASSES = [
  "public",
  /** RFC 1918, unique local (RFC 4193), shared between a provider's customers (RFC 6598), site-local (RFC 3879). */
  "private",
  "loopback",
  /** Includes where most clouds answer their machines with credentials: 169.254.169.254. */
  "link-local",
  /** Where clouds answer their machines with credentials outside the link-local range. */
  "metadata",
  "multicast",
  "unspecified",
  /** For documentation, benchmarks, tunnels that hide the other end, broadcast, or nothing yet. */
  "reserved",
] as const;
export type AddressClass = (typeof ADDRESS_CLASSES)[number];

/** Alibaba, Azure's wire server, AWS over IPv6, Google over IPv6. */
const METADATA = new Set(["100.100.100.200", "168.63.129.16", "fd00:ec2::254", "fd20:ce::254"]);

/** ipaddr.js's names of ranges; what is not here is reserved. */
const CLASS_OF_RANGE: Readonly<Record<string, AddressClass>> = {
  unicast: "public",
  private: "private",
  uniqueLocal: "private",
  carrierGradeNat: "private",
  deprecatedSiteLocal: "private",
  loopback: "loopback",
  linkLocal: "link-local",
  multicast: "multicast",
  unspecified: "unspecified",
};

/**
 * The kind of network that an address belongs to. An IPv6 address that stands for an IPv4 one (mapped, compatible, NAT64,
 * 6to4) belongs where that one does, because that is where its packets go.
 *
 * @param address IPv4 in dotted form, or IPv6 without a zone.
 * @throws TypeError for what is no address.
 */
export function classifyAddress(address: string): AddressClass {
  const parsed = parseAddress(address);
  if (parsed === undefined) throw new TypeError("This is not an IP address.");
  if (METADATA.has(parsed.toString())) return "metadata";
  return CLASS_OF_RANGE[parsed.range()] ?? "reserved";
}

/** An address as ipaddr.js has it, IPv4 taken out of IPv6; undefined for what is none. */
export function parseAddress(address: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  // Its own reading of an IPv4 address inside an IPv6 one takes `::10.0.0.1` for a mapped one: it gets hexadecimal ones.
  const plain = address.includes(":") && address.includes(".") ? withoutDots(address) : address;
  if (plain === undefined || plain.includes("%")) return undefined;
  if (ipaddr.IPv4.isValidFourPartDecimal(plain)) return ipaddr.IPv4.parse(plain);
  if (!ipaddr.IPv6.isValid(plain)) return undefined;
  const parsed = ipaddr.IPv6.parse(plain);
  const embedded = embeddedIpv4(parsed.toByteArray());
  return embedded === undefined ? parsed : new ipaddr.IPv4(embedded);
}

function withoutDots(address: string): string | undefined {
  const url = `http://[${address}]/`;
  return URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : undefined;
}

const NAT64 = [0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0];
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
const COMPATIBLE = new Array<number>(12).fill(0);
const SIX_TO_FOUR = [0x20, 0x02];

/** Mapped and compatible: RFC 4291 2.5.5; NAT64: RFC 6052; 6to4: RFC 3056. */
function embeddedIpv4(bytes: readonly number[]): number[] | undefined {
  const begins = (prefix: readonly number[]) => prefix.every((byte, index) => bytes[index] === byte);
  if (begins(SIX_TO_FOUR)) return bytes.slice(2, 6);
  if (begins(MAPPED) || begins(NAT64)) return bytes.slice(12);
  // `::` and `::1` have names of their own.
  return begins(COMPATIBLE) && bytes.slice(12, 15).some((byte) => byte !== 0) ? bytes.slice(12) : undefined;
}
