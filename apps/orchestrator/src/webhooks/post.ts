import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { EgressError, pinnedLookup } from "@stream-control/service-kit/egress";

/** Something to send. */
export interface Posting {
  url: string;
  headers: Record<string, string>;
  /** JSON. */
  body: string;
}

export interface PostOptions {
  /** Checked addresses of a host. Rejects with an EgressError for one that may not, or cannot, be reached. */
  resolve: (host: string) => Promise<string[]>;
  /** Milliseconds for everything, from the name to the end of the answer. */
  timeoutMs: number;
  /** Ends it early. */
  signal: AbortSignal;
}

/** What came of it. */
export interface PostOutcome {
  /** Null where there was no answer. */
  status: number | null;
  retryAfter?: string | undefined;
  /** Why there was none, in a sentence without the address. */
  error?: string;
}

/** An answer says all in its status; of the rest so much is let in, out of courtesy. */
const LONGEST_ANSWER_BYTES = 65_536;

/**
 * Sends a request on a connection of its own, to an address that was checked just now. Redirects are not followed: they
 * would lead past what was checked and signed for.
 *
 * @throws only what `signal` was aborted with.
 */
export async function post(posting: Posting, { resolve, timeoutMs, signal }: PostOptions): Promise<PostOutcome> {
  signal.throwIfAborted();
  const over = new AbortController();
  const end = () => over.abort(signal.reason);
  signal.addEventListener("abort", end, { once: true });
  const timer = setTimeout(() => over.abort(), timeoutMs);
  try {
    const { hostname } = new URL(posting.url);
    const addresses = await orAborted(resolve(hostname), over.signal);
    return await exchange(posting, addresses, over.signal);
  } catch (thrown) {
    signal.throwIfAborted();
    if (over.signal.aborted) return { status: null, error: `There was no answer within ${timeoutMs / 1000} s.` };
    return { status: null, error: `${failureWords(thrown)}.` };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
  }
}

function exchange({ url, headers, body }: Posting, addresses: readonly string[], signal: AbortSignal) {
  const send = url.startsWith("https:") ? httpsRequest : httpRequest;
  return new Promise<PostOutcome>((resolve, reject) => {
    const request: ClientRequest = send(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
        "user-agent": "stream-control-webhooks/1",
        connection: "close",
        ...headers,
      },
      ...{ agent: false, lookup: pinnedLookup(addresses), signal },
    });
    let outcome: PostOutcome | undefined;
    // However the rest of an answer ends, it was given.
    const end = (why: Error) => (outcome === undefined ? reject(why) : resolve(outcome));
    request.once("response", (response: IncomingMessage) => {
      outcome = { status: response.statusCode ?? null, retryAfter: response.headers["retry-after"] };
      let bytes = 0;
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > LONGEST_ANSWER_BYTES) response.destroy();
      });
      response.on("error", end);
      response.once("close", () => end(new Error("closed")));
    });
    request.on("error", end);
    request.once("close", () => end(new Error("closed")));
    request.end(body);
  });
}

/** A look-up cannot be called off; what comes of it later is nobody's business. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

const WORDS: Record<string, string> = {
  ECONNREFUSED: "The receiver refused the connection",
  ECONNRESET: "The receiver cut the connection",
  EPIPE: "The receiver cut the connection",
  ETIMEDOUT: "The receiver could not be reached in time",
  EHOSTUNREACH: "There is no way to the receiver's network",
  ENETUNREACH: "There is no way to the receiver's network",
};

/** Why there was no answer. What libraries say may hold the address, and that a secret. */
function failureWords(thrown: unknown): string {
  if (thrown instanceof EgressError)
    return thrown.code === "HOST_NOT_FOUND"
      ? "The receiver's name was not found"
      : "The receiver's address may not be reached from here; WEBHOOK_NETWORKS says what may";
  const { code: symbol, errors }: { code?: unknown; errors?: unknown } =
    typeof thrown === "object" && thrown !== null ? thrown : {};
  const code = typeof symbol === "string" ? symbol : "";
  // Several addresses were tried: each has an error of its own.
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  if (WORDS[code] !== undefined) return WORDS[code];
  if (first !== undefined) return failureWords(first);
  if (/CERT|SIGNED|ISSUER|ALTNAME|TLS|SSL|^EPROTO$/.test(code))
    return `The receiver's TLS or certificate is not to be trusted (${code})`;
  if (code.startsWith("HPE_")) return "What the receiver answers is not HTTP";
  return "The connection ended without an answer";
}
