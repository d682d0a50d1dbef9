import { X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";
import type { AgentOptions, ClientTls } from "./types.js";

/** What an agent shows on its next connection. */
export interface Credentials {
  token: string;
  /** Undefined: the system's authorities, and no certificate. */
  secureContext: SecureContext | undefined;
  /** Equal for equal credentials; secret as they are. */
  fingerprint: string;
}

const asked = async <T extends string | object>(given: T | (() => T | Promise<T>)): Promise<T> =>
  typeof given === "function" ? given() : given;

/**
 * The agent's credentials as they are at this moment.
 *
 * @throws what the functions of the options throw, and Error where the certificates or keys can't be read.
 */
export async function credentialsOf({ token, tls }: Pick<AgentOptions, "token" | "tls">): Promise<Credentials> {
  const [shown, files] = await Promise.all([asked(token), tls === undefined ? undefined : asked(tls)]);
  return {
    token: shown,
    secureContext: files === undefined ? undefined : contextOf(files),
    fingerprint: JSON.stringify([shown, files]),
  };
}

function contextOf({ ca, cert, key }: ClientTls): SecureContext | undefined {
  if (ca === undefined && cert === undefined && key === undefined) return undefined;
  if ((cert === undefined) !== (key === undefined)) throw new Error("a client certificate and its key go together");
  try {
    // Where the text holds no certificate OpenSSL would simply know no authority.
    if (ca !== undefined) new X509Certificate(ca);
    return createSecureContext({ ca, cert, key, minVersion: "TLSv1.2" });
  } catch (cause) {
    throw new Error("the TLS certificates or the key are no PEM texts that belong together", { cause });
  }
}

/** What OpenSSL's refusals of a certificate mean to whoever runs the agent. */
const TLS_PROBLEMS: Partial<Record<string, string>> = {
  ...Object.fromEntries(
    [
      "DEPTH_ZERO_SELF_SIGNED_CERT",
      "SELF_SIGNED_CERT_IN_CHAIN",
      "UNABLE_TO_GET_ISSUER_CERT",
      "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
      "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    ].map((code) => [code, "the orchestrator's certificate is by an authority that this agent does not know"]),
  ),
  CERT_HAS_EXPIRED: "the orchestrator's certificate has expired, or the clock of this machine is wrong",
  CERT_NOT_YET_VALID: "the orchestrator's certificate is not valid yet, or the clock of this machine is wrong",
  ERR_TLS_CERT_ALTNAME_INVALID: "the orchestrator's certificate is for another host",
};

/** Why a socket failed, in words. */
export function socketProblem(error: Error & { code?: string }): string {
  const known = error.code === undefined ? undefined : TLS_PROBLEMS[error.code];
  return known === undefined ? error.message : `${known} (${error.code})`;
}
