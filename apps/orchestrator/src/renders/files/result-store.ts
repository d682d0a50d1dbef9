/** A store that agents put results into, as far as the orchestrator has to do with it. */
export interface ResultStore {
  /** Whether something is there: looked up, never assumed. */
  exists(key: string): Promise<boolean>;
  /**
   * An address by which anybody can fetch a file for a while.
   *
   * @param base the service's own, as its caller knows it: `https://host`.
   * @returns undefined where it is not there.
   */
  urlOf(key: string, base: string): Promise<string | undefined>;
  /** @throws where it cannot be reached. */
  check(): Promise<void>;
  /** Removes everything below a folder. */
  removeFolder(owner: string): Promise<void>;
}
