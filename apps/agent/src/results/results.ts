/** A file that was put where results are. */
export interface StoredFile {
  bytes: number;
  /** Hexadecimal; absent where nobody has looked. */
  sha256?: string;
}

/**
 * Where an agent puts what it rendered, and takes what others rendered from. Keys are relative paths with slashes, see
 * `resultKey`. Whoever reads under a key sees a whole file or none.
 */
export interface Results {
  /**
   * Finds out whether a key could be written, before anything is rendered.
   *
   * @throws CommandError `RESULT_NOT_STORED`.
   */
  prepare(key: string): Promise<void>;
  /**
   * Takes a finished file of this machine: whole under its key, or not at all, in the place of what was there. The file is
   * no longer at `path` then.
   *
   * @throws CommandError `RESULT_NOT_STORED`, which says whose fault it is.
   */
  put(path: string, key: string, signal?: AbortSignal): Promise<StoredFile>;
  /**
   * Brings a file to this machine, written over what is at `path`.
   *
   * @throws CommandError `RESULT_NOT_THERE` for a key under which there is nothing, `RESULT_NOT_READ` otherwise.
   */
  get(key: string, path: string, signal?: AbortSignal): Promise<StoredFile>;
  has(key: string): Promise<boolean>;
  /** Removes what is under a key; nothing happens where nothing is. */
  remove(key: string): Promise<void>;
}
