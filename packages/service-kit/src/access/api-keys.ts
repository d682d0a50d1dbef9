import type { ApiKey, Grants } from "@stream-control/protocol";
import type { Selectable, Store } from "@stream-control/store";
import { AppError, toError } from "../errors.js";
import type { Logger } from "../logger.js";
import type { Principal } from "./principal.js";
import { matches, newToken, readToken } from "./secret-token.js";
import type { AccessTables } from "./tables.js";
import { TimedCache } from "./timed-cache.js";

/** What API keys begin with, so that scanners for leaked secrets know them. */
export const KEY_PREFIX = "sck";

/** How long a key is believed before the database is asked again: another instance may have revoked it. */
const BELIEVED_MS = 5000;
const MAX_REMEMBERED = 10_000;
/** How exact "last used" is: a write per request would cost more than the request. */
const LAST_USED_EXACT_TO_MS = 60_000;

type Row = Selectable<AccessTables["access_keys"]>;
interface Known {
  row: Row;
  principal: Principal;
}

export interface NewKey {
  name: string;
  grants: Grants;
  expiresAt?: string | null | undefined;
  createdBy: string | null;
}

/** API keys: made, listed, revoked and checked. Only the SHA-256 of a key's secret is stored. */
export class ApiKeys {
  private readonly known = new TimedCache<Known | null>(BELIEVED_MS, MAX_REMEMBERED);
  private readonly noted = new Map<string, number>();

  constructor(
    private readonly store: Store<AccessTables>,
    private readonly logger: Logger,
    private readonly now: () => Date,
  ) {}

  /** @returns the key with its text, which can't be had again. */
  async create({ name, grants, expiresAt, createdBy }: NewKey): Promise<ApiKey & { key: string }> {
    if (expiresAt != null && Date.parse(expiresAt) <= this.now().getTime())
      throw new AppError("VALIDATION_FAILED", "The body is wrong: expiresAt is over already.");
    const { text, id, hash } = newToken(KEY_PREFIX);
    const row: Row = {
      ...{ id, name, hash, grants: JSON.stringify(grants), created_by: createdBy },
      created_at: this.now().toISOString(),
      expires_at: expiresAt == null ? null : new Date(expiresAt).toISOString(),
      last_used_at: null,
      revoked_at: null,
    };
    await this.store.write((tx) => tx.insertInto("access_keys").values(row).execute());
    this.known.delete(id);
    return { ...toApiKey(row), key: text };
  }

  async list(): Promise<ApiKey[]> {
    const rows = await this.store.db
      .selectFrom("access_keys")
      .selectAll()
      .orderBy("created_at")
      .orderBy("id")
      .execute();
    return rows.map(toApiKey);
  }

  /** @throws AppError `NOT_FOUND`. Revoking twice is as good as once. */
  async revoke(id: string): Promise<ApiKey> {
    const revokedAt = this.now().toISOString();
    const row = await this.store.write(async (tx) => {
      await tx
        .updateTable("access_keys")
        .set({ revoked_at: revokedAt })
        .where("id", "=", id)
        .where("revoked_at", "is", null)
        .execute();
      return tx.selectFrom("access_keys").selectAll().where("id", "=", id).executeTakeFirst();
    });
    this.known.delete(id);
    if (row === undefined) throw new AppError("NOT_FOUND", `There is no key "${id}".`);
    return toApiKey(row);
  }

  /**
   * Whose key a text is; undefined for a wrong, revoked or expired one. Answers at once for a key that was seen within
   * the last seconds, so that nothing waits for it.
   */
  verify(text: string): Principal | undefined | Promise<Principal | undefined> {
    const given = readToken(KEY_PREFIX, text);
    if (given === undefined) return undefined;
    const known = this.known.get(given.id);
    if (known !== undefined) return this.check(known, given.secret);
    return this.load(given.id).then((loaded) => this.check(loaded, given.secret));
  }

  /** The principal of a key that is in force. */
  async byId(id: string): Promise<Principal | undefined> {
    const known = this.known.get(id) ?? (await this.load(id));
    return known !== null && this.inForce(known) ? known.principal : undefined;
  }

  private async load(id: string): Promise<Known | null> {
    const row = await this.store.db.selectFrom("access_keys").selectAll().where("id", "=", id).executeTakeFirst();
    const known = row === undefined ? null : { row, principal: toPrincipal(row) };
    this.known.set(id, known);
    return known;
  }

  private check(known: Known | null, secret: string): Principal | undefined {
    // A wrong secret of a key that exists must not take longer than one of a key that does not.
    const right = matches(secret, known?.row.hash ?? NO_HASH);
    if (!right || known === null || !this.inForce(known)) return undefined;
    this.noteUse(known.row.id);
    return known.principal;
  }

  private inForce({ row, principal }: Known): boolean {
    if (row.revoked_at !== null) return false;
    return principal.expiresAtMs === null || this.now().getTime() < principal.expiresAtMs;
  }

  private noteUse(id: string): void {
    const nowMs = this.now().getTime();
    if (nowMs - (this.noted.get(id) ?? 0) < LAST_USED_EXACT_TO_MS) return;
    this.noted.set(id, nowMs);
    const at = new Date(nowMs).toISOString();
    this.store
      .write((tx) => tx.updateTable("access_keys").set({ last_used_at: at }).where("id", "=", id).execute())
      .catch((error: unknown) => {
        this.logger.warn({ err: toError(error), keyId: id }, "the last use of a key could not be noted");
      });
  }
}

/** As long as a real one, and the hash of nothing that can be typed. */
const NO_HASH = Buffer.alloc(32).toString("base64url");

const toPrincipal = (row: Row): Principal => ({
  kind: "key",
  id: `key:${row.id}`,
  name: row.name,
  grants: JSON.parse(row.grants) as Grants,
  expiresAtMs: row.expires_at === null ? null : Date.parse(row.expires_at),
});

const toApiKey = (row: Row): ApiKey => ({
  id: row.id,
  name: row.name,
  grants: JSON.parse(row.grants) as Grants,
  createdAt: row.created_at,
  createdBy: row.created_by,
  expiresAt: row.expires_at,
  lastUsedAt: row.last_used_at,
  revokedAt: row.revoked_at,
});
