import { hash, randomBytes } from "node:crypto";
import type { Selectable, Store } from "@stream-control/store";
import type { AccessTables } from "./tables.js";
import { TimedCache } from "./timed-cache.js";

/** A session that nobody used for so long is over. */
const IDLE_MS = 12 * 3_600_000;
/** After so long one signs in again, used or not. */
const LONGEST_MS = 7 * 86_400_000;
/** How exact "last seen" is. */
const SEEN_EXACT_TO_MS = 60_000;
const BELIEVED_MS = 5000;
const MAX_REMEMBERED = 10_000;

type Row = Selectable<AccessTables["access_sessions"]>;

/** A session by cookie. */
export interface Session {
  /** Hash of its id; names it without giving it away. */
  readonly hash: string;
  readonly principalId: string;
  readonly csrfToken: string;
  readonly expiresAtMs: number;
}

/** Sessions of pages. The id in the cookie is random and new at every sign-in; only its hash is stored. */
export class Sessions {
  private readonly known = new TimedCache<Row>(BELIEVED_MS, MAX_REMEMBERED);

  constructor(
    private readonly store: Store<AccessTables>,
    private readonly now: () => Date,
  ) {}

  async open(principalId: string, principalExpiresAtMs: number | null): Promise<{ id: string; session: Session }> {
    const nowMs = this.now().getTime();
    const id = randomBytes(32).toString("base64url");
    const expiresAtMs = Math.min(nowMs + LONGEST_MS, principalExpiresAtMs ?? Number.POSITIVE_INFINITY);
    const at = new Date(nowMs).toISOString();
    const row: Row = {
      hash: hashId(id),
      principal_id: principalId,
      csrf_token: randomBytes(32).toString("base64url"),
      created_at: at,
      last_seen_at: at,
      expires_at: new Date(expiresAtMs).toISOString(),
    };
    await this.store.write(async (tx) => {
      await tx.deleteFrom("access_sessions").where("expires_at", "<", at).execute();
      await tx.insertInto("access_sessions").values(row).execute();
    });
    return { id, session: toSession(row) };
  }

  /** The session of a cookie, if it is in force. */
  async find(id: string): Promise<Session | undefined> {
    return /^[\w-]{43}$/.test(id) ? this.byHash(hashId(id)) : undefined;
  }

  /** The same by the hash of its id. Whoever asks uses the session, so that it does not go idle. */
  async byHash(hashed: string): Promise<Session | undefined> {
    const row =
      this.known.get(hashed) ??
      (await this.store.db.selectFrom("access_sessions").selectAll().where("hash", "=", hashed).executeTakeFirst());
    if (row === undefined) return undefined;
    const nowMs = this.now().getTime();
    const seenMs = Date.parse(row.last_seen_at);
    if (nowMs >= Date.parse(row.expires_at) || nowMs - seenMs >= IDLE_MS) {
      await this.end(hashed);
      return undefined;
    }
    if (nowMs - seenMs > SEEN_EXACT_TO_MS) {
      row.last_seen_at = new Date(nowMs).toISOString();
      const { last_seen_at } = row;
      await this.store.write((tx) =>
        tx.updateTable("access_sessions").set({ last_seen_at }).where("hash", "=", hashed).execute(),
      );
    }
    this.known.set(hashed, row);
    return toSession(row);
  }

  async end(hashed: string): Promise<void> {
    this.known.delete(hashed);
    await this.store.write((tx) => tx.deleteFrom("access_sessions").where("hash", "=", hashed).execute());
  }

  /** Ends every session of a user or key. */
  async endAllOf(principalId: string): Promise<void> {
    this.known.clear();
    await this.store.write((tx) => tx.deleteFrom("access_sessions").where("principal_id", "=", principalId).execute());
  }
}

const hashId = (id: string): string => hash("sha256", id, "base64url");

const toSession = (row: Row): Session => ({
  hash: row.hash,
  principalId: row.principal_id,
  csrfToken: row.csrf_token,
  expiresAtMs: Date.parse(row.expires_at),
});
