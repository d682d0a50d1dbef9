import { createHash, createHmac } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

/** A request that may be signed. */
export interface SignedRequest {
  method: string;
  /** As it was sent: path and query. */
  target: string;
  headers: IncomingHttpHeaders;
}

const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
const encoded = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

/**
 * Checks a request as Amazon does (Signature Version 4, in the header or in the query), which s3rver leaves out.
 *
 * @returns undefined for a good one, or the code of S3's refusal.
 */
export function signatureProblem(
  { method, target, headers }: SignedRequest,
  keys: { accessKeyId: string; secretAccessKey: string },
  now: Date,
): string | undefined {
  const url = new URL(target, "http://localhost");
  const given = inQuery(url.searchParams) ?? inHeader(headers);
  if (given === undefined) return "AccessDenied";
  const [accessKeyId, day = "", region = "", service = "", end] = given.credential.split("/");
  if (accessKeyId !== keys.accessKeyId) return "InvalidAccessKeyId";
  const at = new Date(given.date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, "$1-$2-$3T$4:$5:$6Z"));
  if (!(now.getTime() < at.getTime() + given.seconds * 1000)) return "AccessDenied";
  if (given.seconds > 604_800 || end !== "aws4_request" || !given.date.startsWith(day)) return "AccessDenied";
  const query = [...url.searchParams]
    .filter(([name]) => name !== "X-Amz-Signature")
    .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
    .sort();
  const canonical = [
    ...[method, url.pathname, query.join("&")],
    ...given.signedHeaders.map((name) => `${name}:${String(headers[name] ?? "").trim()}`),
    ...["", given.signedHeaders.join(";"), given.payload],
  ].join("\n");
  const hash = createHash("sha256").update(canonical).digest("hex");
  const scope = [day, region, service, "aws4_request"];
  const key = scope.reduce<string | Buffer>((signed, part) => hmac(signed, part), `AWS4${keys.secretAccessKey}`);
  const toSign = ["AWS4-HMAC-SHA256", given.date, scope.join("/"), hash].join("\n");
  return hmac(key, toSign).toString("hex") === given.signature ? undefined : "SignatureDoesNotMatch";
}

interface Given {
  credential: string;
  signedHeaders: string[];
  signature: string;
  date: string;
  /** For how long it counts. */
  seconds: number;
  payload: string;
}

function inQuery(query: URLSearchParams): Given | undefined {
  const signature = query.get("X-Amz-Signature");
  if (signature === null) return undefined;
  return {
    credential: query.get("X-Amz-Credential") ?? "",
    signedHeaders: (query.get("X-Amz-SignedHeaders") ?? "").split(";"),
    signature,
    date: query.get("X-Amz-Date") ?? "",
    seconds: Number(query.get("X-Amz-Expires")),
    payload: "UNSIGNED-PAYLOAD",
  };
}

function inHeader(headers: IncomingHttpHeaders): Given | undefined {
  const [, credential, signed, signature] =
    /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      headers.authorization ?? "",
    ) ?? [];
  if (credential === undefined || signed === undefined || signature === undefined) return undefined;
  return {
    ...{ credential, signature, signedHeaders: signed.split(";"), seconds: 900 },
    date: String(headers["x-amz-date"] ?? ""),
    payload: String(headers["x-amz-content-sha256"] ?? ""),
  };
}
