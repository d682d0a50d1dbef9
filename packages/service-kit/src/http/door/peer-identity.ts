import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";

/** Who a client certificate says its holder is, after its chain was checked against TLS_CLIENT_CA_FILE. */
export interface PeerIdentity {
  /** Absent where the subject has none or several. */
  commonName?: string;
  /** Such as `DNS:encoder-1` or `URI:spiffe://room/encoder-1`. */
  alternativeNames: string[];
  /** SHA-256 of the certificate, in hexadecimal with colons. */
  fingerprint: string;
  serialNumber: string;
}

/**
 * The verified identity of a request's connection; `undefined` without TLS, without a client certificate, and for one
 * that is not by an authority of ours or not valid now. Names of an unverified certificate are never told.
 */
export function peerIdentity(request: IncomingMessage): PeerIdentity | undefined {
  const socket = request.socket as Partial<TLSSocket>;
  if (socket.encrypted !== true || socket.authorized !== true) return undefined;
  const certificate = socket.getPeerX509Certificate?.();
  if (certificate === undefined) return undefined;
  const commonNames = certificate.subject.split("\n").filter((line) => line.startsWith("CN="));
  const [commonName] = commonNames;
  return {
    ...(commonName === undefined || commonNames.length > 1 ? {} : { commonName: commonName.slice("CN=".length) }),
    alternativeNames: alternativeNames(certificate.subjectAltName),
    fingerprint: certificate.fingerprint256,
    serialNumber: certificate.serialNumber,
  };
}

/** Node quotes a name as JSON where it contains what separates names (nodejs.org/api/crypto.html#x509subjectaltname). */
const NAME = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/gy;

/** Splits what Node gives as one text, such as `DNS:a, URI:"b, c"`. */
export function alternativeNames(text: string | undefined): string[] {
  return [...(text ?? "").matchAll(NAME)].map(([, kind = "", value = ""]) => {
    const plain = value.startsWith('"') ? String(JSON.parse(value)) : value;
    return `${kind}:${plain}`;
  });
}
