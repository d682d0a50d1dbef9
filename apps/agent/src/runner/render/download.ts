import { createHash, type Hash } from "node:crypto";
import { open } from "node:fs/promises";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { ErrorInfo } from "@stream-control/protocol";
import { pinnedLookup } from "@stream-control/service-kit/egress";
import { CommandError } from "../errors.js";

const MAX_REDIRECTS = 5;
const SILENCE_MS = 20_000;
/** Times that a body that broke off is gone on with. */
const TRIES = 4;
const PAUSE_MS = 250;
/** A source that is larger would fill the agent's disk. */
export const MAX_SOURCE_BYTES = 16 * 1024 ** 3;

/** By what a server knows a version of a file again. */
export interface Validators {
  etag?: string | undefined;
  lastModified?: string | undefined;
}

/** What a download works with. */
export interface DownloadOptions {
  /** Checked addresses of the host of a URL. Rejects for one that may not, or can't, be reached. */
  resolve: (url: string) => Promise<string[]>;
  /** Ends it. */
  signal: AbortSignal;
  maxBytes?: number;
  /** Of what is here already: the server may answer that there is nothing new. */
  have?: Validators | undefined;
  /** Told how much has come, and how much there is where the server says so. */
  onBytes?: (bytes: number, ofBytes: number | undefined) => void;
}

/** What came, and what the server said about it. */
export interface Downloaded extends Validators {
  /** The server has nothing newer than what is here; nothing was written. */
  isUnchanged: boolean;
  bytes: number;
  /** Hexadecimal. */
  sha256: string;
  cacheControl?: string | undefined;
  age?: string | undefined;
  /** Addresses that were asked, redirections included; without path and query. */
  via: string[];
}

interface State {
  bytes: number;
  hash: Hash;
  via: Set<string>;
}

/**
 * Fetches a file over HTTP or HTTPS, each connection to an address that was checked, redirects included. Certificates are
 * verified. A body that breaks off is gone on with where it broke, where the server can and the file is still the same.
 *
 * @param path is written over.
 * @throws CommandError `SOURCE_UNREACHABLE`, whose detail says whose fault it is and whether another try can help.
 */
export async function download(url: string, path: string, options: DownloadOptions): Promise<Downloaded> {
  const state: State = { bytes: 0, hash: createHash("sha256"), via: new Set() };
  let first: IncomingMessage["headers"] | undefined;
  for (let tries = 1; ; tries += 1) {
    const answer = await follow(url, headersFor(state, first, options.have), state, options);
    const { statusCode, headers } = answer;
    if (statusCode === 304 && options.have !== undefined && first === undefined) {
      answer.resume();
      return { ...told(headers, state), isUnchanged: true };
    }
    const goesOn = statusCode === 206 && headers["content-range"]?.startsWith(`bytes ${state.bytes}-`) === true;
    if (statusCode === 206 && !goesOn)
      throw failed("the server sent another part than was asked for", "SERVER_ERROR", true);
    if (!goesOn) startAgain(state);
    first = goesOn ? (first ?? headers) : headers;
    try {
      await save(answer, path, state, options);
      return { ...told(first, state), isUnchanged: false };
    } catch (thrown) {
      if (tries === TRIES || options.signal.aborted || !isBroken(thrown)) throw thrown;
      await delay(PAUSE_MS * tries, undefined, { signal: options.signal }).catch(() => undefined);
    }
  }
}

/** What is asked for: the rest of what broke off, what is newer than what is here, or simply the file. */
function headersFor(
  { bytes }: State,
  first: IncomingMessage["headers"] | undefined,
  have: Validators | undefined,
): Record<string, string> {
  if (first !== undefined) {
    // A weak one says that two versions are as good as each other, not that their bytes are the same.
    const version = first.etag?.startsWith("W/") === false ? first.etag : first["last-modified"];
    return bytes > 0 && version !== undefined ? { range: `bytes=${bytes}-`, "if-range": version } : {};
  }
  return {
    ...(have?.etag === undefined ? {} : { "if-none-match": have.etag }),
    ...(have?.lastModified === undefined ? {} : { "if-modified-since": have.lastModified }),
  };
}

async function follow(
  url: string,
  headers: Record<string, string>,
  state: State,
  options: DownloadOptions,
): Promise<IncomingMessage> {
  let at = url;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops += 1) {
    const answer = await ask(at, headers, options);
    state.via.add(new URL(at).origin);
    const { statusCode = 0 } = answer;
    const { location } = answer.headers;
    if ([301, 302, 303, 307, 308].includes(statusCode) && location !== undefined && URL.canParse(location, at)) {
      answer.destroy();
      at = new URL(location, at).href;
      if (!/^https?:/.test(at)) throw failed("it leads to something that is no web address", "NOT_FOUND", false);
      continue;
    }
    const isPart = statusCode === 206 && headers.range !== undefined;
    const isSame = statusCode === 304 && headers.range === undefined && Object.keys(headers).length > 0;
    if (statusCode !== 200 && !isPart && !isSame) {
      answer.destroy();
      const again = statusCode >= 500 || statusCode === 408 || statusCode === 429;
      throw failed(`the server answered ${statusCode}`, again ? "SERVER_ERROR" : "NOT_FOUND", again);
    }
    return answer;
  }
  throw failed(`it redirects more than ${MAX_REDIRECTS} times`, "NOT_FOUND", false);
}

async function ask(
  at: string,
  extra: Record<string, string>,
  { resolve, signal }: DownloadOptions,
): Promise<IncomingMessage> {
  const addresses = await resolve(at);
  const { promise, resolve: answered, reject } = Promise.withResolvers<IncomingMessage>();
  const url = new URL(at);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const isTls = url.protocol === "https:";
  const auth =
    url.username === "" ? {} : { auth: `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}` };
  const headers = { host: url.host, accept: "*/*", ...extra };
  const request = (isTls ? httpsRequest : httpRequest)({
    ...{ host, port: url.port || (isTls ? 443 : 80), path: `${url.pathname}${url.search}`, ...auth },
    ...{ headers, lookup: pinnedLookup(addresses), signal, timeout: SILENCE_MS },
    ...{ agent: false, ...(isTls && isIP(host) === 0 ? { servername: host } : {}) },
  });
  request.once("response", answered);
  request.once("timeout", () => request.destroy(new Error("timeout")));
  request.once("error", (thrown: NodeJS.ErrnoException) => reject(failed(wordsOf(thrown), "CONNECTION_LOST", true)));
  request.end();
  return promise;
}

/** Writes what comes behind what has come. Counted once it is written, so that what is gone on with begins where the file ends. */
async function save(answer: IncomingMessage, path: string, state: State, options: DownloadOptions): Promise<void> {
  const { maxBytes = MAX_SOURCE_BYTES, onBytes } = options;
  const length = Number(answer.headers["content-length"] ?? Number.NaN);
  const announced = Number.isFinite(length) ? state.bytes + length : undefined;
  const tooLarge = () => failed(`it is larger than ${maxBytes} bytes`, "TOO_LARGE", false);
  try {
    if (announced !== undefined && announced > maxBytes) throw tooLarge();
    const file = await open(path, state.bytes === 0 ? "w" : "a", 0o600);
    try {
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        if (state.bytes + chunk.length > maxBytes) throw tooLarge();
        await file.appendFile(chunk);
        state.bytes += chunk.length;
        state.hash.update(chunk);
        onBytes?.(state.bytes, announced);
      }
    } finally {
      await file.close();
    }
  } catch (thrown) {
    answer.destroy();
    if (thrown instanceof CommandError) throw thrown;
    const { code } = thrown as NodeJS.ErrnoException;
    throw failed(wordsOf(thrown as NodeJS.ErrnoException), code === "ENOSPC" ? "NO_SPACE" : "CONNECTION_LOST", true);
  }
  if (announced !== undefined && announced !== state.bytes) throw failed("it broke off", "CONNECTION_LOST", true);
}

function startAgain(state: State): void {
  state.bytes = 0;
  state.hash = createHash("sha256");
}

const told = (headers: IncomingMessage["headers"], { bytes, hash, via }: State) => ({
  ...{ bytes, sha256: hash.copy().digest("hex"), via: [...via] },
  ...{ etag: headers.etag, lastModified: headers["last-modified"] },
  ...{ cacheControl: headers["cache-control"], age: headers.age },
});

const isBroken = (thrown: unknown): boolean =>
  thrown instanceof CommandError && thrown.info.detail?.cause === "CONNECTION_LOST";

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
