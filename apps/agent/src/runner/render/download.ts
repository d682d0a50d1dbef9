import { createWriteStream } from "node:fs";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ErrorInfo } from "@stream-control/protocol";
import { pinnedLookup } from "@stream-control/service-kit/egress";
import { CommandError } from "../errors.js";

const MAX_REDIRECTS = 5;
const SILENCE_MS = 20_000;
/** A source that is larger would fill the agent's disk. */
export const MAX_SOURCE_BYTES = 16 * 1024 ** 3;

/** What a download works with. */
export interface DownloadOptions {
  /** Checked addresses of the host of a URL. Rejects for one that may not, or can't, be reached. */
  resolve: (url: string) => Promise<string[]>;
  /** Ends it. */
  signal: AbortSignal;
  maxBytes?: number;
}

/**
 * Fetches a file over HTTP or HTTPS, each connection to an address that was checked, redirects included. Certificates are
 * verified.
 *
 * @param path is written over.
 * @throws CommandError `SOURCE_UNREACHABLE`, whose detail says whose fault it is and whether another try can help.
 */
export async function download(url: string, path: string, options: DownloadOptions): Promise<void> {
  let at = url;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops += 1) {
    const answer = await ask(at, options);
    const { statusCode = 0 } = answer;
    const { location } = answer.headers;
    if (statusCode >= 300 && statusCode < 400 && location !== undefined && URL.canParse(location, at)) {
      answer.destroy();
      at = new URL(location, at).href;
      if (!/^https?:/.test(at)) throw failed("it leads to something that is no web address", "NOT_FOUND", false);
      continue;
    }
    if (statusCode !== 200) {
      answer.destroy();
      const again = statusCode >= 500 || statusCode === 408 || statusCode === 429;
      throw failed(`the server answered ${statusCode}`, again ? "SERVER_ERROR" : "NOT_FOUND", again);
    }
    return save(answer, path, options);
  }
  throw failed(`it redirects more than ${MAX_REDIRECTS} times`, "NOT_FOUND", false);
}

async function ask(at: string, { resolve, signal }: DownloadOptions): Promise<IncomingMessage> {
  const addresses = await resolve(at);
  const { promise, resolve: answered, reject } = Promise.withResolvers<IncomingMessage>();
  const url = new URL(at);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const isTls = url.protocol === "https:";
  const auth =
    url.username === "" ? {} : { auth: `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}` };
  const request = (isTls ? httpsRequest : httpRequest)({
    ...{ host, port: url.port || (isTls ? 443 : 80), path: `${url.pathname}${url.search}`, ...auth },
    ...{ headers: { host: url.host, accept: "*/*" }, lookup: pinnedLookup(addresses), signal, timeout: SILENCE_MS },
    ...{ agent: false, ...(isTls && isIP(host) === 0 ? { servername: host } : {}) },
  });
  request.once("response", answered);
  request.once("timeout", () => request.destroy(new Error("timeout")));
  request.once("error", (thrown: NodeJS.ErrnoException) => reject(failed(wordsOf(thrown), "CONNECTION_LOST", true)));
  request.end();
  return promise;
}

async function save(answer: IncomingMessage, path: string, options: DownloadOptions): Promise<void> {
  const { maxBytes = MAX_SOURCE_BYTES, signal } = options;
  let bytes = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      done(bytes > maxBytes ? failed(`it is larger than ${maxBytes} bytes`, "TOO_LARGE", false) : null, chunk);
    },
  });
  try {
    await pipeline(answer, counted, createWriteStream(path, { mode: 0o600 }), { signal });
  } catch (thrown) {
    if (thrown instanceof CommandError) throw thrown;
    throw failed(wordsOf(thrown as NodeJS.ErrnoException), "CONNECTION_LOST", true);
  }
  const announced = Number(answer.headers["content-length"]);
  if (Number.isFinite(announced) && announced !== bytes) throw failed("it broke off", "CONNECTION_LOST", true);
}

const WORDS: Record<string, string> = {
  ECONNREFUSED: "the connection was refused",
  ENOSPC: "the agent's disk is full",
  ETIMEDOUT: "it did not answer in time",
};

const wordsOf = ({ code = "", message }: NodeJS.ErrnoException): string =>
  message === "timeout" ? "it did not answer in time" : (WORDS[code] ?? "the connection was lost");

function failed(why: string, cause: string, retryable: boolean): CommandError {
  const info: ErrorInfo = {
    code: "SOURCE_UNREACHABLE",
    message: `A source could not be fetched: ${why}.`,
    detail: { fault: "source", cause, retryable },
  };
  return new CommandError(info);
}
