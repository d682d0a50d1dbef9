import { lookup, Resolver } from "node:dns/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { AllowedNetworks } from "./allowed-networks.js";
import { canonicalHost, isAddress } from "./host.js";

/** Why a host can't be reached. `HOST_REFUSED`: it may not be. */
export type EgressErrorCode = "HOST_REFUSED" | "HOST_INVALID" | "HOST_NOT_FOUND";

/** A host that may not, or cannot, be reached. Its message never says which addresses a name has. */
export class EgressError extends Error {
  override readonly name = "EgressError";

  constructor(
    readonly code: EgressErrorCode,
    /** As it was given, or the part of it that can be shown. */
    readonly host: string,
  ) {
    super(MESSAGES[code](host.slice(0, 253)));
  }
}

const MESSAGES: Record<EgressErrorCode, (host: string) => string> = {
  HOST_REFUSED: (host) => `the host "${host}" may not be reached from here`,
  HOST_INVALID: () => "the address has no host that can be read",
  HOST_NOT_FOUND: (host) => `the host "${host}" was not found`,
};

/** Gives every address of a name. Rejects, or gives none, where there is none. */
export type LookUp = (name: string) => Promise<string[]>;

/** Asks as every program on this machine does: the hosts file, then the system's name servers. */
export const systemLookUp: LookUp = async (name) =>
  (await lookup(name, { all: true, order: "ipv4first" })).map(({ address }) => address);

/** How long one name server may take, and how often it is asked. */
const ASK = { timeout: 2000, tries: 2 };

/**
 * Asks the given name servers and nothing else.
 *
 * @param servers addresses, with a port where it is not 53. @throws TypeError for one that is no address.
 */
export function lookUpAt(servers: readonly string[]): LookUp {
  const resolver = new Resolver(ASK);
  resolver.setServers(servers);
  return async (name) => {
    const found = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    return found.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
  };
}

/** What {@link resolveAllowed} decides by. */
export interface ResolveOptions {
  networks: AllowedNetworks;
  lookUp: LookUp;
  /** Longest wait for name servers. */
  deadlineMs?: number;
}

const DEADLINE_MS = 8000;

/**
 * Resolves a host once and checks what came back. Whoever then connects to one of these addresses, and does not ask for
 * the name again, connects to what was checked, whatever the name means a moment later (DNS rebinding).
 *
 * @param host a name or an address in any spelling.
 * @returns its addresses in canonical form, at least one. One that may not be reached refuses all of them: a name that
 * means both inside and outside is up to something.
 * @throws EgressError
 */
export async function resolveAllowed(
  host: string,
  { networks, lookUp, deadlineMs = DEADLINE_MS }: ResolveOptions,
): Promise<string[]> {
  const canonical = canonicalHost(host);
  if (canonical === undefined) throw new EgressError("HOST_INVALID", host);
  const addresses = isAddress(canonical) ? [canonical] : await resolveName(canonical, lookUp, deadlineMs);
  if (addresses.length === 0) throw new EgressError("HOST_NOT_FOUND", canonical);
  if (!addresses.every((address) => networks.allows(address))) throw new EgressError("HOST_REFUSED", canonical);
  return addresses;
}

async function resolveName(name: string, lookUp: LookUp, deadlineMs: number): Promise<string[]> {
  // RFC 6761: it means this machine, whatever a name server says.
  if (/^(.*\.)?localhost\.?$/.test(name)) return ["127.0.0.1", "::1"];
  const patience = new AbortController();
  const late = delay(deadlineMs, [], { signal: patience.signal }).catch(() => []);
  try {
    return await Promise.race([lookUp(name).catch(() => []), late]);
  } finally {
    patience.abort();
  }
}
