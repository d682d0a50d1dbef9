/** What is known of an object. */
export interface StoredObject {
  bytes: number;
  /** Hexadecimal; absent for what others have put there. */
  sha256?: string | undefined;
  etag?: string | undefined;
}

/** What may be asked of one transfer. */
export interface TransferOptions {
  signal?: AbortSignal | undefined;
  /** Told how much has arrived at the other end. */
  onBytes?: ((bytes: number) => void) | undefined;
}

/** A bucket, or the part of one below a prefix; keys are without it. Every method throws an `ObjectStoreError`. */
export interface Bucket {
  /** Puts a file there, whole or not at all, with its checksum. */
  put(
    path: string,
    key: string,
    options?: TransferOptions & { contentType?: string | undefined },
  ): Promise<StoredObject>;
  /** Brings an object to a file, written over, and compares its checksum where it has one. */
  get(key: string, path: string, options?: TransferOptions & { maxBytes?: number | undefined }): Promise<StoredObject>;
  /** Undefined where there is nothing. */
  head(key: string, signal?: AbortSignal): Promise<StoredObject | undefined>;
  remove(keys: readonly string[]): Promise<void>;
  /** Removes all that begins with that, and what was being put there. */
  removeBelow(prefix: string): Promise<void>;
  /** Removes what was left of puts that were begun longer ago. @returns how many. */
  removeUnfinished(prefix: string, begunBefore: Date): Promise<number>;
  /** An address by which anybody can fetch an object until it expires. */
  link(key: string, seconds: number): Promise<string>;
  close(): void;
}
