import { randomBytes } from "node:crypto";
import { sql } from "@stream-control/store";
import type { Caller } from "../http/caller.js";
import { type OriginFacts, originCommitment, storable } from "./chain.js";
import type { Executor } from "./executor.js";

/** An origin as entries refer to it. */
export interface Origin {
  id: number;
  /** Hexadecimal. */
  commitment: string;
}

/** Longest texts that are kept; a client may send a longer user agent, but learns nothing by it. */
const LONGEST = { name: 200, address: 64, userAgent: 300 } as const;
/** Origins that are remembered. Beyond it they are looked up again. */
const MAX_REMEMBERED = 10_000;

/**
 * Where actors were, one row for each combination, told from each other by all they say.
 *
 * What a transaction has stored is remembered for that transaction alone until a later one has seen that it was committed: a
 * rolled-back row must not be referred to.
 */
export class Origins {
  private committed = new Map<string, Origin>();
  private pending = new Map<string, Origin>();
  private inTransaction = new WeakMap<Executor, Map<string, Origin>>();

  /** To be called once per transaction, before anything else. */
  async begin(tx: Executor): Promise<void> {
    const { pending } = this;
    this.inTransaction.set(tx, new Map());
    if (pending.size === 0) return;
    this.pending = new Map();
    for (const [key, origin] of pending) {
      const stored = await sql`select 1 from event_origins
        where id = ${origin.id} and commitment = ${Buffer.from(origin.commitment, "hex")}`.execute(tx);
      if (stored.rows.length === 0) continue;
      if (this.committed.size >= MAX_REMEMBERED) this.committed.clear();
      this.committed.set(key, origin);
    }
  }

  /** @returns undefined where nothing is known of the caller beside who it is. */
  async of(tx: Executor, { actor, name, address, userAgent }: Caller): Promise<Origin | undefined> {
    if (name === undefined && address === undefined && userAgent === undefined) return undefined;
    const facts: OriginFacts = {
      actor: storable(actor),
      name: clipped(name, LONGEST.name),
      address: clipped(address, LONGEST.address),
      userAgent: clipped(userAgent, LONGEST.userAgent),
    };
    const key = JSON.stringify(facts);
    const own = this.inTransaction.get(tx);
    const known = this.committed.get(key) ?? own?.get(key);
    if (known !== undefined) return known;
    const origin = (await find(tx, facts)) ?? (await insert(tx, facts));
    own?.set(key, origin);
    this.pending.set(key, origin);
    return origin;
  }

  /** Rows were erased or deleted: what is said from now on must not refer to them. */
  forget(): void {
    this.committed = new Map();
    this.pending = new Map();
    this.inTransaction = new WeakMap();
  }
}

async function find(tx: Executor, { actor, name, address, userAgent }: OriginFacts): Promise<Origin | undefined> {
  const { rows } = await sql<{ id: number; commitment: Uint8Array }>`select id, commitment from event_origins
    where actor = ${actor} and name is ${name} and address is ${address} and user_agent is ${userAgent}
    and erased_at is null limit 1`.execute(tx);
  const row = rows[0];
  return row === undefined ? undefined : { id: row.id, commitment: Buffer.from(row.commitment).toString("hex") };
}

async function insert(tx: Executor, facts: OriginFacts): Promise<Origin> {
  const { actor, name, address, userAgent } = facts;
  const salt = randomBytes(32);
  const commitment = originCommitment(salt.toString("hex"), facts);
  const { rows } = await sql<{
    id: number;
  }>`insert into event_origins (commitment, salt, actor, name, address, user_agent)
    values (${Buffer.from(commitment, "hex")}, ${salt}, ${actor}, ${name}, ${address}, ${userAgent})
    returning id`.execute(tx);
  const row = rows[0];
  if (row === undefined) throw new Error("An insert gave no number back.");
  return { id: row.id, commitment };
}

const clipped = (text: string | undefined, length: number): string | null =>
  text === undefined ? null : storable(text.slice(0, length));
