import type { LeaseKeeper } from "./lease.js";

/** Leases among the buses of one process. */
export class MemoryLeases implements LeaseKeeper {
  private fence = 0;
  private readonly held = new Map<string, { owner: string; endsAt: number }>();

  async acquire(key: string, owner: string, ttlMs: number): Promise<number | undefined> {
    const holder = this.held.get(key);
    if (holder !== undefined && holder.endsAt > performance.now()) return undefined;
    this.held.set(key, { owner, endsAt: performance.now() + ttlMs });
    this.fence += 1;
    return this.fence;
  }

  async renew(key: string, owner: string, ttlMs: number): Promise<boolean> {
    const holder = this.held.get(key);
    if (holder?.owner !== owner || holder.endsAt <= performance.now()) return false;
    holder.endsAt = performance.now() + ttlMs;
    return true;
  }

  async release(key: string, owner: string): Promise<void> {
    if (this.held.get(key)?.owner === owner) this.held.delete(key);
  }
}
