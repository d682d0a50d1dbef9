import { type Logger, toError } from "@stream-control/service-kit";
import type { Store } from "@stream-control/store";
import type { Requests } from "../idempotency/requests.js";
import type { Tables } from "./tables.js";

const EVERY_MS = 3_600_000;
/** How long answers and ids of webhooks are kept for those that come again. */
const REQUESTS_MS = 24 * 3_600_000;
const PAGE = 100;

/** Removes what is no longer kept: answers after a day, stopped streams with their events after the retention. */
export class Housekeeping {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly options: {
      store: Store<Tables>;
      requests: Requests;
      retentionMs: number;
      logger: Logger;
      now: () => number;
    },
  ) {}

  start(): void {
    this.timer = setInterval(() => {
      this.run().catch((thrown: unknown) =>
        this.options.logger.warn({ err: toError(thrown) }, "what is no longer kept could not be removed"),
      );
    }, EVERY_MS);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  async run(): Promise<void> {
    const { store, requests, retentionMs, now } = this.options;
    await requests.forget(now() - REQUESTS_MS);
    let removed: number;
    do {
      removed = await store.write(async (tx) => {
        const rows = await tx
          .selectFrom("livestreams")
          .select("id")
          .where("status", "=", "stopped")
          .where("stopped_at", "<", now() - retentionMs)
          .limit(PAGE)
          .execute();
        const ids = rows.map(({ id }) => id);
        if (ids.length === 0) return 0;
        await tx.deleteFrom("livestream_events").where("stream_id", "in", ids).execute();
        await tx.deleteFrom("livestream_participants").where("stream_id", "in", ids).execute();
        await tx.deleteFrom("livestreams").where("id", "in", ids).execute();
        return ids.length;
      });
    } while (removed > 0);
  }
}
