import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from "node:crypto";

/** Something sealed cannot be opened, or not with the keys that there are. The message says what to do. */
export class SealError extends Error {
  override readonly name = "SealError";
}

const ALGORITHM = "aes-256-gcm";
export const KEY_BYTES = 32;
/** GCM's own size of nonce and tag (NIST SP 800-38D §5.2.1.1, §5.2.1.2). */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const NONCES_IN_STOCK = 512;
/** Format of what is sealed: `sc1:<key id>:<base64 of nonce, tag and cipher text>`. */
const VERSION = "sc1";
const SEALED = /^sc1:([0-9a-f]{16}):([A-Za-z0-9+/]+={0,2})$/;

/**
 * The keys that seal what is stored. The first one seals; all of them open, so that a key can be changed without
 * stopping to be able to read.
 *
 * A sealed text belongs to its place, such as `jobs.config/job-1`: the place is authenticated with it, so that a text that
 * was moved to another row or column does not open. Nonces are random; one key may seal 2^32 texts (NIST SP 800-38D §8.3).
 */
export class KeyRing {
  /** The id of the key that seals: 16 hexadecimal digits of a hash of it. */
  readonly sealingKeyId: string;
  private readonly keys: ReadonlyMap<string, KeyObject>;
  private readonly sealingKey: KeyObject;
  private stock = Buffer.alloc(0);
  private stockUsed = 0;

  /** @param keys of 32 random bytes each, the sealing one first. */
  constructor(keys: readonly Buffer[]) {
    const [first] = keys;
    if (first === undefined) throw new RangeError("A key ring needs a key.");
    this.keys = new Map(keys.map((key) => [keyIdOf(key), createSecretKey(key)]));
    this.sealingKeyId = keyIdOf(first);
    this.sealingKey = createSecretKey(first);
  }

  /** Ids of all keys, the sealing one first. */
  get keyIds(): readonly string[] {
    return [...this.keys.keys()];
  }

  /** Encrypts a text for one place. */
  seal(text: string, place: string): string {
    const nonce = this.nextNonce();
    const cipher = createCipheriv(ALGORITHM, this.sealingKey, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(boundTo(this.sealingKeyId, place));
    const body = cipher.update(text, "utf8");
    // GCM is a stream: all of it is in the body, and the end gives the tag alone.
    cipher.final();
    const sealed = Buffer.allocUnsafe(NONCE_BYTES + TAG_BYTES + body.length);
    nonce.copy(sealed);
    cipher.getAuthTag().copy(sealed, NONCE_BYTES);
    body.copy(sealed, NONCE_BYTES + TAG_BYTES);
    return `${VERSION}:${this.sealingKeyId}:${sealed.toString("base64")}`;
  }

  /**
   * Decrypts a text that was sealed for this place.
   *
   * @throws SealError for a key that is not in the ring, and for a text that is of another place or was changed.
   */
  open(sealed: string, place: string): string {
    const keyId = sealedBy(sealed);
    if (keyId === undefined) throw new SealError(`What is stored as ${place} is not sealed.`);
    const key = this.keys.get(keyId);
    if (key === undefined)
      throw new SealError(
        `What is stored as ${place} was sealed with the key ${keyId}, which is not given. Add that key behind the first one.`,
      );
    const bytes = Buffer.from(sealed.slice(sealed.lastIndexOf(":") + 1), "base64");
    if (bytes.length < NONCE_BYTES + TAG_BYTES) throw changed(place);
    try {
      const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
      decipher.setAAD(boundTo(keyId, place));
      decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
      const text = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES));
      decipher.final();
      return text.toString("utf8");
    } catch {
      // What the library says of it is no more than "unable to authenticate".
      throw changed(place);
    }
  }

  /**
   * Authenticates a text that others keep, such as an address that they may fetch: HMAC-SHA256 with a key that is derived for
   * that purpose alone, so that no text of one purpose counts for another, and no sealing key is used twice.
   *
   * @returns the id of the key and the code, base64url.
   */
  authenticate(text: string, purpose: string): { keyId: string; code: string } {
    return { keyId: this.sealingKeyId, code: codeOf(this.sealingKey, text, purpose).toString("base64url") };
  }

  /** Whether {@link authenticate} gave that code, with any key of the ring. It takes as long for a wrong one. */
  isAuthentic(text: string, purpose: string, { keyId, code }: { keyId: string; code: string }): boolean {
    const key = this.keys.get(keyId);
    if (key === undefined) return false;
    const given = Buffer.from(code, "base64url");
    const wanted = codeOf(key, text, purpose);
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  }

  /** Random bytes are drawn in stock, which costs a tenth of drawing them one by one; each is used once. */
  private nextNonce(): Buffer {
    if (this.stockUsed >= this.stock.length) {
      this.stock = randomBytes(NONCE_BYTES * NONCES_IN_STOCK);
      this.stockUsed = 0;
    }
    this.stockUsed += NONCE_BYTES;
    return this.stock.subarray(this.stockUsed - NONCE_BYTES, this.stockUsed);
  }
}

/** HKDF (RFC 5869) makes a key of its own for each purpose. */
function codeOf(key: KeyObject, text: string, purpose: string): Buffer {
  const derived = hkdfSync("sha256", key, "", `stream-control authenticate\0${purpose}`, KEY_BYTES);
  return createHmac("sha256", Buffer.from(derived)).update(text).digest();
}

/** The id of the key that sealed a text; undefined for a text that is not sealed. */
export const sealedBy = (text: string): string | undefined => SEALED.exec(text)?.[1];

const keyIdOf = (key: Buffer): string =>
  createHash("sha256").update("stream-control key id\0").update(key).digest("hex").slice(0, 16);

const boundTo = (keyId: string, place: string) => Buffer.from(`${VERSION}\0${keyId}\0${place}`, "utf8");

const changed = (place: string) =>
  new SealError(
    `What is stored as ${place} cannot be opened: it was changed, or belongs elsewhere. Restore it from a backup, or remove it.`,
  );
