import { MemoryLeases } from "./leases/memory-leases.js";
import { NatsLeases } from "./leases/nats-leases.js";
import { RedisLeases } from "./leases/redis-leases.js";
import { MemoryBus } from "./memory.js";
import { Messages, type MessagesLog } from "./messages.js";
import { connectNats } from "./nats.js";
import { connectRedis } from "./redis.js";

export interface MessagesOptions {
  /** Goes before `redisUrl`. */
  natsUrl?: string | undefined;
  redisUrl?: string | undefined;
  /** Who this is, as the broker shows its connections. */
  name: string;
  /** One word before every subject and key, so that installations that share a broker do not meet. */
  prefix: string;
  log?: MessagesLog;
  connectTimeoutMs?: number;
}

/** Messages, the bus under them, and what closes both. */
export interface OpenMessages {
  kind: "memory" | "nats" | "redis";
  messages: Messages;
  close(): Promise<void>;
}

/**
 * Opens the bus that the settings name, in memory where they name none: then this process is all there is.
 *
 * @throws BusError `UNAVAILABLE` when the broker does not answer.
 */
export async function openMessages(options: MessagesOptions): Promise<OpenMessages> {
  const { natsUrl, redisUrl, name, prefix, log, connectTimeoutMs } = options;
  const onError = (err: unknown) => log?.warn({ err }, "The bus had a failure");
  const common = { name, onError, ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }) };
  if (natsUrl !== undefined) {
    const bus = await connectNats({ url: natsUrl, ...common });
    return together("nats", bus, new Messages(bus, new NatsLeases(bus.connection, prefix), prefix, log));
  }
  if (redisUrl !== undefined) {
    const bus = await connectRedis({ url: redisUrl, ...common });
    return together("redis", bus, new Messages(bus, new RedisLeases(bus.commands, prefix), prefix, log));
  }
  const bus = new MemoryBus(onError);
  return together("memory", bus, new Messages(bus, new MemoryLeases(), prefix, log));
}

const together = (kind: OpenMessages["kind"], bus: { close(): Promise<void> }, messages: Messages): OpenMessages => ({
  kind,
  messages,
  close: async () => {
    await messages.close();
    await bus.close();
  },
});
