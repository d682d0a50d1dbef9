import { JetStreamApiError, jetstream } from "@nats-io/jetstream";
import { type KV, type KvEntry, Kvm } from "@nats-io/kv";
import type { NatsConnection } from "@nats-io/transport-node";
import { BusError } from "../bus.js";
import type { LeaseKeeper } from "./lease.js";

/** What a bucket forgets by itself: leases are far shorter, and the marks of those given back must not pile up. */
const FORGET_AFTER_MS = 24 * 3_600_000;
/** "wrong last sequence": somebody else wrote in between. https://github.com/nats-io/nats-server/blob/main/server/errors.json */
const WRONG_SEQUENCE = 10071;
/** Which key tells the time of the server; no subject looks like it. */
const CLOCK = "_clock/of/server";

/**
 * Leases in a key-value bucket, one revision of which is the fence: it is the number of the entry in the bucket's stream, so it
 * grows with every change. Whether a lease has run out is asked of the server's clock alone, so clocks of machines may differ.
 */
export class NatsLeases implements LeaseKeeper {
  private bucket: Promise<KV> | undefined;
  private readonly revisions = new Map<string, number>();

  constructor(
    private readonly connection: NatsConnection,
    private readonly prefix: string,
  ) {}

  async acquire(key: string, owner: string, ttlMs: number): Promise<number | undefined> {
    const kv = await this.open();
    const value = JSON.stringify({ owner, ttlMs });
    const fence = await unlessBeaten(async () => {
      const entry = await kv.get(key);
      if (entry === null || entry.operation !== "PUT") return await kv.create(key, value);
      return (await this.hasRunOut(kv, entry)) ? await kv.update(key, value, entry.revision) : undefined;
    });
    if (fence !== undefined) this.revisions.set(owner, fence);
    return fence;
  }

  async renew(key: string, owner: string, ttlMs: number): Promise<boolean> {
    const kv = await this.open();
    const last = this.revisions.get(owner);
    if (last === undefined) return false;
    const next = await unlessBeaten(() => kv.update(key, JSON.stringify({ owner, ttlMs }), last));
    if (next === undefined) this.revisions.delete(owner);
    else this.revisions.set(owner, next);
    return next !== undefined;
  }

  async release(key: string, owner: string): Promise<void> {
    const last = this.revisions.get(owner);
    this.revisions.delete(owner);
    if (last === undefined) return;
    const kv = await this.open();
    await unlessBeaten(() => kv.delete(key, { previousSeq: last }));
  }

  private async hasRunOut(kv: KV, entry: KvEntry): Promise<boolean> {
    const { ttlMs } = entry.json<{ ttlMs: number }>();
    const revision = await kv.put(CLOCK, "");
    const now = (await kv.get(CLOCK, { revision }))?.created ?? (await kv.get(CLOCK))?.created;
    return now !== undefined && now.getTime() >= entry.created.getTime() + ttlMs;
  }

  private async open(): Promise<KV> {
    this.bucket ??= new Kvm(jetstream(this.connection)).create(`${this.prefix}_leases`, {
      history: 1,
      ttl: FORGET_AFTER_MS,
    });
    try {
      return await this.bucket;
    } catch (thrown) {
      this.bucket = undefined;
      throw new BusError(
        "UNAVAILABLE",
        `NATS keeps no leases: ${thrown instanceof Error ? thrown.message : String(thrown)}. Start it with JetStream (nats-server -js).`,
        { cause: thrown },
      );
    }
  }
}

async function unlessBeaten<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof JetStreamApiError && thrown.code === WRONG_SEQUENCE) return undefined;
    throw new BusError(
      "UNAVAILABLE",
      `NATS cannot be used now: ${thrown instanceof Error ? thrown.message : String(thrown)}.`,
      {
        cause: thrown,
      },
    );
  }
}
