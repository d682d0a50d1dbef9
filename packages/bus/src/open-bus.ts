import type { Bus, BusLog } from "./bus.js";
import { CarriedBus } from "./carried-bus.js";
import { memoryBus } from "./memory/memory-carrier.js";
import { connectNats } from "./nats/nats-carrier.js";
import { connectRedis } from "./redis/redis-carrier.js";

export interface BusOptions {
  /** `nats://[user:password@]host:port`, several with commas; `tls://` for TLS. Goes before `redisUrl`. */
  natsUrl?: string | undefined;
  /** `redis://[user:password@]host:port`, `rediss://` for TLS. */
  redisUrl?: string | undefined;
  /** Who this is, as the broker shows its connections. */
  name?: string;
  /** One token before every subject and key, so that installations that share a broker do not meet. `stream-control` unless given. */
  prefix?: string;
  /** How long the first connection may take, 10,000 unless given. Later ones are tried for ever. */
  connectTimeoutMs?: number;
  log?: BusLog;
}

/**
 * Opens the bus that the settings name, in memory where they name none.
 *
 * @throws BusError `UNAVAILABLE` when the broker does not answer in time.
 */
export async function openBus({
  natsUrl,
  redisUrl,
  name = "stream-control",
  prefix = "stream-control",
  connectTimeoutMs = 10_000,
  log,
}: BusOptions): Promise<Bus> {
  if (natsUrl !== undefined)
    return new CarriedBus(await connectNats({ url: natsUrl, name, prefix, connectTimeoutMs }), log);
  if (redisUrl !== undefined)
    return new CarriedBus(await connectRedis({ url: redisUrl, name, prefix, connectTimeoutMs }), log);
  return memoryBus(log === undefined ? {} : { log });
}
