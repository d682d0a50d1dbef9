import { type Bus, MemoryBus } from "@stream-control/bus";
import { type Logger, toError } from "@stream-control/service-kit";
import type { Store } from "@stream-control/store";
import type { ScenesMetrics } from "../metrics.js";
import type { Journal } from "./journal.js";
import { StoreJournal } from "./store-journal.js";
import type { TimelineTables } from "./tables.js";

export interface OpenJournalOptions {
  store: Store<TimelineTables>;
  natsUrl?: string | undefined;
  natsMonitorUrl?: string | undefined;
  bus?: Bus;
  instance: string;
  keepRemovedMs: number;
  /** Copies of what NATS keeps, where its servers are several. */
  replicas: number;
  metrics: ScenesMetrics;
  logger: Logger;
  now: () => number;
  monotonic: () => number;
}

/** The bus and the journal that go together: a service alone has its own database, several share what NATS keeps. */
export async function openJournal(options: OpenJournalOptions): Promise<{ bus: Bus; journal: Journal }> {
  const { store, instance, keepRemovedMs, logger, now, natsUrl } = options;
  const onError = (thrown: unknown) => logger.error({ err: toError(thrown) }, "the bus had a problem");
  if (natsUrl !== undefined) {
    // Loaded only here, since a service alone needs none of it.
    const [{ connectNats }, { JetStreamJournal }, { warnOfLateFlush }] = await Promise.all([
      import("@stream-control/bus/nats"),
      import("./nats/jetstream-journal.js"),
      import("./nats/durability.js"),
    ]);
    const nats = await connectNats({ url: natsUrl, name: `scenes ${instance}`, onError });
    try {
      await warnOfLateFlush(nats.connection, options.natsMonitorUrl, logger);
      return { bus: nats, journal: await JetStreamJournal.open({ ...options, bus: nats }) };
    } catch (error) {
      await nats.close();
      throw error;
    }
  }
  const bus = options.bus ?? new MemoryBus(onError);
  return { bus, journal: new StoreJournal({ store, instance, keepRemovedMs, now }) };
}
