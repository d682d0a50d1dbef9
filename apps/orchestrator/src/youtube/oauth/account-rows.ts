import { hash } from "node:crypto";
import type { Store } from "@stream-control/store";
import type { SealedColumns } from "../../secrets/sealed-columns.js";
import type { Tables } from "../../store/tables.js";

/** There is one channel. */
const ID = "account";

/** Why a token does not count any more. */
export interface Problem {
  code: string;
  message: string;
  at: string;
}

/** What is stored of the connected account. */
export interface StoredAccount {
  refreshToken: string | null;
  channel: { id: string; title: string } | null;
  connectedAt: string | null;
  /** Of a certain token: another one begins without it. */
  problem: (Problem & { of: string }) | null;
}

const NOTHING: StoredAccount = { refreshToken: null, channel: null, connectedAt: null, problem: null };

/** Says which token something is about, without the token. */
export const fingerprint = (token: string): string => hash("sha256", `youtube refresh token ${token}`, "base64url");

/** The connected account in the store; its refresh token is encrypted. */
export class AccountRows {
  constructor(
    private readonly store: Store<Tables>,
    private readonly sealed: SealedColumns,
  ) {}

  async load(): Promise<StoredAccount> {
    const row = await this.store.db.selectFrom("youtube_account").selectAll().where("id", "=", ID).executeTakeFirst();
    if (row === undefined) return NOTHING;
    const { refresh_token: sealedToken, channel_id: id, channel_title: title } = row;
    return {
      refreshToken:
        sealedToken === null ? null : this.sealed.openText("youtube_account", "refresh_token", ID, sealedToken),
      channel: id === null ? null : { id, title: title ?? "" },
      connectedAt: row.connected_at,
      problem: row.problem === null ? null : (JSON.parse(row.problem) as StoredAccount["problem"]),
    };
  }

  /** Resolves when it is on disk. */
  async save({ refreshToken, channel, connectedAt, problem }: StoredAccount): Promise<void> {
    const row = {
      refresh_token:
        refreshToken === null ? null : this.sealed.sealText("youtube_account", "refresh_token", ID, refreshToken),
      channel_id: channel?.id ?? null,
      channel_title: channel?.title ?? null,
      connected_at: connectedAt,
      problem: problem === null ? null : JSON.stringify(problem),
    };
    await this.store.write((tx) =>
      tx
        .insertInto("youtube_account")
        .values({ id: ID, ...row })
        .onConflict((conflict) => conflict.column("id").doUpdateSet(row))
        .execute(),
    );
  }
}
