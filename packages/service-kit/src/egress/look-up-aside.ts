import { Resolver } from "node:dns/promises";
import { type LookUp, systemLookUp } from "./resolve.js";

/** How long one name server may take, and how often it is asked. */
const ASK = { timeout: 1500, tries: 2 };
/** An answer that says that there is no such name, or no address of one kind. */
const NO_SUCH_NAME: ReadonlySet<unknown> = new Set(["ENOTFOUND", "ENODATA"]);

export interface AsideOptions {
  /** Addresses of name servers, with a port where it is not 53; the system's unless given. */
  servers?: readonly string[];
  /** Asked for what the name servers do not know. */
  fallback?: LookUp;
}

/**
 * Looks names up for those who choose names that may be bad: the system's own look-up holds one of the process's four threads
 * for files and passwords as long as a name server is silent, and a few of these would hold them all. This one asks the name
 * servers over a socket, and the system (with its hosts file) only for names of which they have said that there are none.
 */
export function lookUpAside({ servers, fallback = systemLookUp }: AsideOptions = {}): LookUp {
  return async (name) => {
    // A new one each time: the system's name servers may have changed.
    const resolver = new Resolver(ASK);
    if (servers !== undefined) resolver.setServers(servers);
    const found = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    const addresses = found.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
    if (addresses.length > 0) return addresses;
    const isUnknown = found.every((result) => result.status === "rejected" && saysThereIsNone(result.reason));
    return isUnknown ? fallback(name) : [];
  };
}

const saysThereIsNone = (reason: unknown): boolean =>
  typeof reason === "object" && reason !== null && NO_SUCH_NAME.has(Reflect.get(reason, "code"));
