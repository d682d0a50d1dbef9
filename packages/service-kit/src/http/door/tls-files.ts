import { createHash, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { TlsOptions } from "node:tls";
import { createSecureContext, type SecureVersion } from "node:tls";
import { ConfigError } from "../../config.js";
import { toError } from "../../errors.js";

/** Where a service's certificate is, and whose clients it believes. */
export interface TlsFiles {
  /** PEM: the certificate, then those between it and the root. */
  certFile: string;
  /** PEM: its private key. */
  keyFile: string;
  /** PEM: authorities whose client certificates count as an identity; with it, every client is asked for one. */
  clientCaFile?: string;
  minVersion?: Extract<SecureVersion, "TLSv1.2" | "TLSv1.3">;
}

/** What was read from the files, ready for a server. */
export interface TlsMaterial {
  options: TlsOptions;
  /** Changes with any of the files. */
  digest: string;
}

/**
 * Reads the files and tries them out.
 *
 * @throws ConfigError when one cannot be read, is broken, or certificate and key do not belong together.
 */
export async function loadTls(files: TlsFiles): Promise<TlsMaterial> {
  const [cert, key, ca] = await Promise.all([
    read("TLS_CERT_FILE", files.certFile),
    read("TLS_KEY_FILE", files.keyFile),
    files.clientCaFile === undefined ? undefined : read("TLS_CLIENT_CA_FILE", files.clientCaFile),
  ]);
  const options: TlsOptions = {
    cert,
    key,
    minVersion: files.minVersion ?? "TLSv1.2",
    // A client without a certificate is let in: browsers have none. Who must have one, its own door decides.
    ...(ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: false }),
  };
  const digest = createHash("sha256");
  for (const part of [cert, key, ca ?? ""]) digest.update(part).update("\0");
  try {
    // OpenSSL skips what it cannot read among authorities, and would then take no client for who it is.
    if (ca !== undefined) for (const authority of certificatesIn(ca)) new X509Certificate(authority);
    createSecureContext(options);
  } catch (cause) {
    // OpenSSL's words, which name no secret.
    throw new ConfigError(
      `TLS cannot be used: ${toError(cause).message}. Check that the files are PEM, and that TLS_CERT_FILE and TLS_KEY_FILE belong together.`,
      { cause },
    );
  }
  return { options, digest: digest.digest("hex") };
}

function certificatesIn(pem: Buffer): string[] {
  const begin = "-----BEGIN CERTIFICATE-----";
  const [, ...found] = pem.toString("latin1").split(begin);
  if (found.length === 0) throw new Error("there is no certificate in TLS_CLIENT_CA_FILE");
  return found.map((rest) => begin + rest);
}

async function read(variable: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new ConfigError(`${variable} cannot be read: ${toError(cause).message}.`, { cause });
  }
}
