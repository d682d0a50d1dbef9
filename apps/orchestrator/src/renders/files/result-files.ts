import { isOwnerName, type ResultPlace, type StoreKind } from "./place.js";
import type { ResultStore } from "./result-store.js";

/** What agents have rendered, wherever this service can reach it. */
export class ResultFiles {
  constructor(private readonly stores: { [kind in StoreKind]?: ResultStore | undefined }) {}

  /** Whether what agents render can be fetched at all. */
  get areServed(): boolean {
    return this.all.length > 0;
  }

  /** Whether results of that kind can be reached from here. */
  reaches(kind: StoreKind): boolean {
    return this.stores[kind] !== undefined;
  }

  /** Which kinds of stores there are. */
  get kinds(): string[] {
    return Object.entries(this.stores).flatMap(([kind, store]) => (store === undefined ? [] : [kind]));
  }

  /** @throws where one of the stores cannot be reached. */
  async check(): Promise<void> {
    for (const store of this.all) await store.check();
  }

  async exists({ store, key }: ResultPlace): Promise<boolean> {
    return (await this.stores[store]?.exists(key)) ?? false;
  }

  /** An address for whoever has it, see {@link ResultStore.urlOf}; a new one each time. */
  async urlOf({ store, key }: ResultPlace, base: string): Promise<string | undefined> {
    return this.stores[store]?.urlOf(key, base);
  }

  /**
   * Removes everything of a folder of results, parts included, from every store: a job that was tried again elsewhere may have
   * left something in each.
   *
   * @throws AppError `STORE_UNAVAILABLE`.
   */
  async removeFolder(owner: string): Promise<void> {
    if (!isOwnerName(owner)) throw new RangeError("That is no folder of results.");
    for (const store of this.all) await store.removeFolder(owner);
  }

  private get all(): ResultStore[] {
    return Object.values(this.stores).filter((store) => store !== undefined);
  }
}
