import { AppError } from "@stream-control/service-kit";
import { EgressError } from "@stream-control/service-kit/egress";

export interface AddressRules {
  plainHttp: boolean;
  /** Checked addresses of a host; throws EgressError. */
  resolve: (host: string) => Promise<string[]>;
}

/** A host that can only be this machine. */
const isThisMachine = (host: string): boolean =>
  /^(?:.+\.)?localhost\.?$/.test(host) || /^127\.\d+\.\d+\.\d+$/.test(host) || host === "[::1]";

/**
 * Refuses an address that a webhook may not have. What its name means may change, so that it is looked at again with every
 * connection; here it is told to whoever gives it.
 *
 * @param path where the address stands in what was sent.
 * @throws AppError `VALIDATION_FAILED`.
 */
export async function checkAddress(url: string, { plainHttp, resolve }: AddressRules, path = "url"): Promise<void> {
  const wrong = (what: string) =>
    new AppError("VALIDATION_FAILED", `The body is wrong: ${path}: ${what}.`, { details: [{ path, message: what }] });
  const parsed = URL.parse(url);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) throw wrong("must be an address with http or https");
  const { protocol, hostname, username, password } = parsed;
  if (username !== "" || password !== "")
    throw wrong("must have no user and no password; receivers know us by the signature");
  if (protocol === "http:" && !plainHttp && !isThisMachine(hostname))
    throw wrong("must be https, other than on this machine; ALLOW_PLAIN_WEBHOOKS=true allows http");
  try {
    await resolve(hostname);
  } catch (thrown) {
    if (!(thrown instanceof EgressError)) throw thrown;
    // A name that is not found now may be found when there is something to send.
    if (thrown.code !== "HOST_NOT_FOUND") throw wrong(`${thrown.message}; WEBHOOK_NETWORKS says what may`);
  }
}
