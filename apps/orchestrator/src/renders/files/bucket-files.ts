import { type Bucket, type BucketSettings, ObjectStoreError, openBucket } from "@stream-control/object-store";
import { AppError } from "@stream-control/service-kit";
import type { Guard } from "../../resilience/guard.js";
import type { ResultStore } from "./result-store.js";

/** No render takes longer than a day, so that nobody is at what was begun before. */
const UNFINISHED_MS = 2 * 86_400_000;

/** Results in a bucket. Whoever fetches one is sent to the bucket itself. */
export class BucketFiles implements ResultStore {
  private opened: Promise<Bucket> | undefined;

  constructor(
    private readonly settings: BucketSettings,
    private readonly linkSeconds: number,
    /** Stands before short calls. What deletes many takes its time. */
    private readonly guard: Pick<Guard, "run">,
  ) {}

  async exists(key: string): Promise<boolean> {
    return this.ask("could not be asked", (bucket) => this.isThere(bucket, key));
  }

  async urlOf(key: string): Promise<string | undefined> {
    return this.ask("could not be asked", async (bucket) => {
      try {
        if (!(await this.isThere(bucket, key))) return undefined;
      } catch {
        // It was put there, checksum and all, and signing needs nobody: whoever fetches it will see.
      }
      return bucket.link(key, this.linkSeconds);
    });
  }

  async removeFolder(owner: string): Promise<void> {
    await this.ask("could not delete a result", (bucket) => bucket.removeBelow(`${owner}/`));
  }

  /** Removes what is left of uploads whose agents were killed. @returns how many. */
  removeUnfinished(now: Date): Promise<number> {
    const before = new Date(now.getTime() - UNFINISHED_MS);
    return this.ask("could not be tidied", (bucket) => bucket.removeUnfinished("", before));
  }

  async close(): Promise<void> {
    (await this.opened)?.close();
  }

  /** @throws AppError `STORE_UNAVAILABLE`, `CIRCUIT_OPEN`, `UPSTREAM_TIMEOUT` where the bucket does not answer. */
  async check(): Promise<void> {
    await this.ask("could not be asked", (bucket) => this.isThere(bucket, ".health"));
  }

  private isThere(bucket: Bucket, key: string): Promise<boolean> {
    return this.guard.run(async (signal) => (await bucket.head(key, signal)) !== undefined);
  }

  private async ask<T>(what: string, request: (bucket: Bucket) => Promise<T>): Promise<T> {
    this.opened ??= openBucket(this.settings);
    try {
      return await request(await this.opened);
    } catch (cause) {
      if (!(cause instanceof ObjectStoreError)) throw cause;
      const { bucket } = this.settings;
      throw new AppError("STORE_UNAVAILABLE", `The bucket ${bucket} ${what}: ${cause.message}.`, { cause });
    }
  }
}
