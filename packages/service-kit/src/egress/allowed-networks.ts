import ipaddr from "ipaddr.js";
import { classifyAddress, parseAddress } from "./classify.js";

/** The words that an allow-list may have beside networks such as `192.168.7.0/24`. */
const WORDS = ["public", "private", "loopback", "any"] as const;
type Word = (typeof WORDS)[number];

type Network = ReturnType<typeof ipaddr.parseCIDR>;

/**
 * Which addresses may be reached: by words, and by networks in CIDR form. What no word names (link-local and cloud metadata
 * addresses, multicast, reserved ranges) has to be named by its network, or by `any`.
 */
export class AllowedNetworks {
  private constructor(
    private readonly words: ReadonlySet<string>,
    private readonly networks: readonly Network[],
  ) {}

  /** @throws RangeError that names the first entry that is neither a word nor a network. */
  static parse(entries: readonly string[]): AllowedNetworks {
    const words = entries.filter(isWord);
    const networks = entries.filter((entry) => !isWord(entry)).map(parseNetwork);
    return new AllowedNetworks(new Set(words), networks);
  }

  /** @param address an IP address; anything else is not allowed. */
  allows(address: string): boolean {
    const parsed = parseAddress(address);
    if (parsed === undefined) return false;
    if (this.words.has("any") || this.words.has(classifyAddress(address))) return true;
    return this.networks.some((network) => parsed.kind() === network[0].kind() && parsed.match(network));
  }
}

const isWord = (entry: string): entry is Word => (WORDS as readonly string[]).includes(entry);

function parseNetwork(entry: string): Network {
  const [address = "", bits] = entry.split("/");
  const parsed = parseAddress(address);
  const whole = parsed?.kind() === "ipv4" ? 32 : 128;
  // A network of addresses that stand for IPv4 ones would never match: those are judged as what they stand for.
  if (parsed === undefined || (parsed.kind() === "ipv4") !== ipaddr.IPv4.isValidFourPartDecimal(address))
    throw new RangeError(wrong(entry));
  if (bits === undefined) return [parsed, whole];
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > whole) throw new RangeError(wrong(entry));
  return [parsed, Number(bits)];
}

const wrong = (entry: string) =>
  `"${entry}" is neither one of ${WORDS.join(", ")} nor a network such as 192.168.7.0/24 or fd12:3456::/32`;
