/** What is wrong with a store, or with what was asked of it. */
export type ObjectStoreProblem =
  | "not_there"
  | "denied"
  | "no_bucket"
  | "unreachable"
  | "damaged"
  | "too_large"
  | "local";

const WORDS: Record<ObjectStoreProblem, string> = {
  not_there: "there is nothing under that key",
  denied: "the credentials are missing or may not do that",
  no_bucket: "there is no such bucket",
  unreachable: "it could not be reached or failed inside",
  damaged: "what came is not what was stored",
  too_large: "it is larger than may be fetched",
  local: "a file of this machine could not be read or written",
};

/** Another try can help there: the world outside may have become better. */
const PASSING: ReadonlySet<ObjectStoreProblem> = new Set(["unreachable", "damaged", "local", "denied", "no_bucket"]);

/** A request to a store that failed. Its words hold no address, no key and no credentials. */
export class ObjectStoreError extends Error {
  override readonly name = "ObjectStoreError";

  /** @param symbol what the store or the system calls it, such as `SlowDown` or `ENOSPC`. */
  constructor(
    readonly problem: ObjectStoreProblem,
    readonly symbol?: string,
  ) {
    super(`${WORDS[problem]}${symbol === undefined ? "" : ` (${symbol})`}`);
  }

  get retryable(): boolean {
    return PASSING.has(this.problem);
  }
}

const DENIED =
  /^(AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|TokenRefreshRequired|Forbidden|CredentialsProviderError|InvalidToken|RequestTimeTooSkewed)$/;

/** What a thrown value of the SDK, or of the file system, means. */
export function asObjectStoreError(thrown: unknown): ObjectStoreError {
  if (thrown instanceof ObjectStoreError) return thrown;
  const {
    name = "",
    code,
    syscall,
    $metadata,
  } = (typeof thrown === "object" && thrown !== null ? thrown : {}) as {
    name?: string;
    code?: unknown;
    syscall?: unknown;
    $metadata?: { httpStatusCode?: number };
  };
  const status = $metadata?.httpStatusCode ?? 0;
  const symbol = /^[A-Za-z0-9_]{1,64}$/.test(name) && name !== "Error" ? name : String(code ?? "unknown").slice(0, 64);
  if (name === "NoSuchBucket") return new ObjectStoreError("no_bucket", name);
  if (name === "NoSuchKey" || name === "NotFound" || status === 404) return new ObjectStoreError("not_there");
  // It was replaced while it was fetched.
  if (status === 412) return new ObjectStoreError("damaged", symbol);
  if (DENIED.test(name) || status === 401 || status === 403) return new ObjectStoreError("denied", symbol);
  if (typeof code === "string" && ["open", "read", "write", "fsync", "stat"].includes(String(syscall)) && status === 0)
    return /^E(CONN|PIPE|TIMEDOUT|HOST|NET)/.test(code)
      ? new ObjectStoreError("unreachable", code)
      : new ObjectStoreError("local", code);
  return new ObjectStoreError("unreachable", symbol);
}
