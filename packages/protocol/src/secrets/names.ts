/** Words that make the value of a field a secret, wherever they stand in its name. */
const SECRET_WORDS: ReadonlySet<string> = new Set([
  ...["password", "passwords", "passwd", "pwd", "passphrase", "passcode", "secret", "secrets", "token"],
  ...["credential", "credentials", "authorization", "auth", "cookie", "cookies", "bearer", "jwt"],
  ...["apikey", "streamkey", "authtoken", "accesstoken", "refreshtoken", "sessionid"],
]);

/** A key is one that opens something after these words; elsewhere it is a name for a thing, as in `idempotencyKey`. */
const KEY_OWNERS: ReadonlySet<string> = new Set([
  ...[
    "stream",
    "api",
    "private",
    "access",
    "secret",
    "signing",
    "encryption",
    "shared",
    "publish",
    "ingest",
    "account",
  ],
  ...["service", "hmac", "license", "rtmp", "srt", "auth", "session", "client", "user", "backup", "primary"],
]);

/**
 * Whether a field of this name holds a secret: `streamKey`, `stream_key`, `SRT-Passphrase`, `x-api-key`. The one place
 * that knows; masks, redactors and loggers ask it.
 */
export function isSecretName(name: string): boolean {
  const words = wordsOf(name);
  return words.some((word, index) => {
    if (SECRET_WORDS.has(word)) return true;
    // `rtspPass`, but not `passThrough`.
    if (word === "pass") return index === words.length - 1;
    if (word !== "key" && word !== "keys") return false;
    // By itself a key may be one that opens something, and nothing is lost by hiding another one.
    return words.length === 1 || KEY_OWNERS.has(words[index - 1] ?? "");
  });
}

/** `rtmpStreamKey`, `RTMP_stream-key` → rtmp, stream, key. */
const wordsOf = (name: string): string[] =>
  name
    .slice(0, 200)
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/([A-Z]+)([A-Z][a-z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "");
