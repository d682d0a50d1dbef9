import { BusError } from "../bus.js";
import type { RedisBus } from "../redis.js";
import type { LeaseKeeper } from "./lease.js";

/**
 * The fence is the highest that was ever given for the key plus one, or the server's time in µs where that is more: so it
 * grows also where Redis has lost what it kept.
 */
const ACQUIRE = `
if not redis.call('set', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return false end
local time = redis.call('time')
local now = time[1] * 1000000 + time[2]
local last = tonumber(redis.call('get', KEYS[2]) or '0')
local fence = string.format('%.0f', math.max(now, last + 1))
redis.call('set', KEYS[2], fence, 'EX', 86400)
return fence`;

const RENEW = `
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('pexpire', KEYS[1], ARGV[2])`;

const RELEASE = `
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end
return 0`;

/** Leases as keys that run out by themselves. */
export class RedisLeases implements LeaseKeeper {
  constructor(
    private readonly commands: RedisBus["commands"],
    private readonly prefix: string,
  ) {}

  async acquire(key: string, owner: string, ttlMs: number): Promise<number | undefined> {
    const fence = await this.run(ACQUIRE, this.keys(key), [owner, String(ttlMs)]);
    return fence === null ? undefined : Number(fence);
  }

  async renew(key: string, owner: string, ttlMs: number): Promise<boolean> {
    return (await this.run(RENEW, this.keys(key).slice(0, 1), [owner, String(ttlMs)])) === 1;
  }

  async release(key: string, owner: string): Promise<void> {
    await this.run(RELEASE, this.keys(key).slice(0, 1), [owner]);
  }

  private keys(key: string): string[] {
    // Braces keep both on one node of a cluster.
    return [`${this.prefix}:lease:{${key}}`, `${this.prefix}:fence:{${key}}`];
  }

  private async run(script: string, keys: string[], args: string[]): Promise<unknown> {
    try {
      return await this.commands.eval(script, { keys, arguments: args });
    } catch (thrown) {
      throw new BusError(
        "UNAVAILABLE",
        `Redis cannot be used now: ${thrown instanceof Error ? thrown.message : String(thrown)}.`,
        {
          cause: thrown,
        },
      );
    }
  }
}
