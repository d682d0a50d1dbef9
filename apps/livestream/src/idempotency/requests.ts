import { createHash } from "node:crypto";
import { AppError } from "@stream-control/service-kit";
import type { Store } from "@stream-control/store";
import type { Tables } from "../streams/tables.js";

/** An answer to a request. */
export interface Answer {
  status: number;
  body: unknown;
}

/** A request that is carried out for longer than this was cut off with its instance. */
const ABANDONED_MS = 60_000;
const WAIT_MS = 20_000;
const LOOK_EVERY_MS = 25;

/**
 * Requests that carry an `Idempotency-Key` are carried out once, by whichever instance gets them, and answered from the store
 * after that. What failed on our side is not kept, so that it can be tried again.
 */
export class Requests {
  constructor(
    private readonly store: Store<Tables>,
    private readonly now: () => number,
  ) {}

  /**
   * @param key of the caller.
   * @param request what must be the same when the key comes again.
   * @throws AppError `IDEMPOTENCY_KEY_IN_USE` where the key was used for another request, or its first one takes too long.
   */
  async once(key: string, request: unknown, work: () => Promise<Answer>): Promise<Answer & { replayed: boolean }> {
    const fingerprint = createHash("sha256").update(JSON.stringify(request)).digest("hex");
    const until = this.now() + WAIT_MS;
    for (;;) {
      const known = await this.claim(key, fingerprint);
      if (known === "mine") break;
      if (known.fingerprint !== fingerprint)
        throw new AppError(
          "IDEMPOTENCY_KEY_IN_USE",
          "This Idempotency-Key was used for another request; take a new one.",
        );
      if (known.status !== null)
        return { status: known.status, body: JSON.parse(known.answer ?? "null"), replayed: true };
      if (this.now() > until)
        throw new AppError(
          "IDEMPOTENCY_KEY_IN_USE",
          "The first request with this Idempotency-Key is still being carried out.",
        );
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    try {
      const answer = await work();
      await this.store.write((tx) =>
        tx
          .updateTable("livestream_requests")
          .set({ status: answer.status, answer: JSON.stringify(answer.body) })
          .where("key", "=", key)
          .execute(),
      );
      return { ...answer, replayed: false };
    } catch (thrown) {
      await this.store.write((tx) => tx.deleteFrom("livestream_requests").where("key", "=", key).execute());
      throw thrown;
    }
  }

  /** Forgets what was begun before a time. */
  async forget(before: number): Promise<void> {
    await this.store.write(async (tx) => {
      await tx.deleteFrom("livestream_requests").where("begun_at", "<", before).execute();
      await tx.deleteFrom("livestream_webhooks").where("at", "<", before).execute();
    });
  }

  private claim(key: string, fingerprint: string) {
    const { store } = this;
    const begun_at = this.now();
    return store.write(async (tx) => {
      const { numInsertedOrUpdatedRows } = await tx
        .insertInto("livestream_requests")
        .values({ key, fingerprint, begun_at, status: null, answer: null })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirstOrThrow();
      if (Number(numInsertedOrUpdatedRows) > 0) return "mine" as const;
      const known = await store
        .forUpdate(tx.selectFrom("livestream_requests").selectAll().where("key", "=", key))
        .executeTakeFirst();
      // It was taken away in between, because the first try failed: the next look claims it.
      if (known === undefined) return { fingerprint, status: null, answer: null };
      if (known.status !== null || known.fingerprint !== fingerprint || begun_at - known.begun_at < ABANDONED_MS)
        return known;
      await tx.updateTable("livestream_requests").set({ begun_at }).where("key", "=", key).execute();
      return "mine" as const;
    });
  }
}
