import { type AgentToken, type CreateAgentToken, DEFAULT_ROOM } from "@stream-control/protocol";
import { AppError, type Logger, toError } from "@stream-control/service-kit";
import { matches, newToken, readToken } from "@stream-control/service-kit/access";
import type { Selectable, Store } from "@stream-control/store";
import type { AgentTokenTable, Tables } from "../store/tables.js";

/** What agents' own tokens begin with. */
const PREFIX = "sca";

type Row = Selectable<AgentTokenTable>;

/**
 * Tokens of single agents. They are few and asked for at every hello, so they are held in memory; the table, which has
 * only their hashes, is the truth.
 */
export class AgentTokens {
  private readonly rows = new Map<string, Row>();
  private readonly endListeners = new Set<() => void>();

  constructor(
    private readonly store: Store<Tables>,
    private readonly logger: Logger,
    private readonly now: () => Date,
  ) {}

  async load(): Promise<void> {
    const rows = await this.store.db.selectFrom("agent_tokens").selectAll().orderBy("created_at").execute();
    for (const row of rows) this.rows.set(row.id, row);
  }

  /** Calls the listener when tokens have been revoked. */
  onRevoked(listener: () => void): () => void {
    this.endListeners.add(listener);
    return () => this.endListeners.delete(listener);
  }

  /**
   * Issues a token. Those that the agent had before go on for the grace time, so that it can be given the new one while
   * it runs.
   *
   * @returns the token with its text, which can't be had again.
   */
  async issue(agentId: string, wanted: CreateAgentToken, by: string): Promise<AgentToken & { token: string }> {
    const nowMs = this.now().getTime();
    if (wanted.expiresAt != null && Date.parse(wanted.expiresAt) <= nowMs)
      throw new AppError("VALIDATION_FAILED", "The body is wrong: expiresAt is over already.");
    const earlier = this.of(agentId);
    const { text, id, hash } = newToken(PREFIX);
    const row: Row = {
      ...{ id, agent_id: agentId, hash, created_at: new Date(nowMs).toISOString(), created_by: by },
      room: wanted.room ?? earlier.at(-1)?.room ?? DEFAULT_ROOM,
      expires_at: wanted.expiresAt == null ? null : new Date(wanted.expiresAt).toISOString(),
      ...{ last_used_at: null, revoked_at: null },
    };
    const graceEnd = new Date(nowMs + wanted.graceMs).toISOString();
    const ending = earlier.filter((token) => this.inForce(token) && (token.expires_at ?? "9") > graceEnd);
    await this.store.write(async (tx) => {
      for (const token of ending)
        await tx.updateTable("agent_tokens").set({ expires_at: graceEnd }).where("id", "=", token.id).execute();
      await tx.insertInto("agent_tokens").values(row).execute();
    });
    for (const token of ending) token.expires_at = graceEnd;
    this.rows.set(id, row);
    return { ...toAgentToken(row), token: text };
  }

  list(agentId: string): AgentToken[] {
    return this.of(agentId).map(toAgentToken);
  }

  /** @throws AppError `NOT_FOUND`. Revoking twice is as good as once. */
  async revoke(agentId: string, id: string): Promise<AgentToken> {
    const row = this.rows.get(id);
    if (row?.agent_id !== agentId) throw new AppError("NOT_FOUND", `The agent "${agentId}" has no token "${id}".`);
    const revokedAt = row.revoked_at ?? this.now().toISOString();
    await this.store.write((tx) =>
      tx.updateTable("agent_tokens").set({ revoked_at: revokedAt }).where("id", "=", id).execute(),
    );
    row.revoked_at = revokedAt;
    for (const listener of this.endListeners) listener();
    return toAgentToken(row);
  }

  /** The token that a text is, if it is the agent's and in force. */
  check(agentId: string, text: string): { id: string; room: string } | undefined {
    const given = readToken(PREFIX, text);
    const row = given && this.rows.get(given.id);
    if (given === undefined || row === undefined) return undefined;
    if (!matches(given.secret, row.hash) || row.agent_id !== agentId || !this.inForce(row)) return undefined;
    this.noteUse(row);
    return { id: row.id, room: row.room };
  }

  /** Whether a token that let somebody in still would. */
  stillInForce(id: string): boolean {
    const row = this.rows.get(id);
    return row !== undefined && this.inForce(row);
  }

  /** Whether the agent has ever had a token of its own. */
  has(agentId: string): boolean {
    return this.of(agentId).length > 0;
  }

  /** The room of an agent's newest token. */
  roomOf(agentId: string): string | undefined {
    return this.of(agentId).at(-1)?.room;
  }

  private of(agentId: string): Row[] {
    return [...this.rows.values()].filter((row) => row.agent_id === agentId);
  }

  private inForce({ revoked_at, expires_at }: Row): boolean {
    return revoked_at === null && (expires_at === null || this.now().getTime() < Date.parse(expires_at));
  }

  private noteUse(row: Row): void {
    row.last_used_at = this.now().toISOString();
    const { id, last_used_at } = row;
    this.store
      .write((tx) => tx.updateTable("agent_tokens").set({ last_used_at }).where("id", "=", id).execute())
      .catch((error: unknown) => {
        this.logger.warn({ err: toError(error), tokenId: id }, "the use of an agent's token could not be noted");
      });
  }
}

const toAgentToken = (row: Row): AgentToken => ({
  id: row.id,
  agentId: row.agent_id,
  room: row.room,
  createdAt: row.created_at,
  createdBy: row.created_by,
  expiresAt: row.expires_at,
  lastUsedAt: row.last_used_at,
  revokedAt: row.revoked_at,
});
