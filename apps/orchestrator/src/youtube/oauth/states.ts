import { hash, randomBytes } from "node:crypto";
import type { Store } from "@stream-control/store";
import type { Tables } from "../../store/tables.js";

/** Long enough to find the second factor. */
const LIFETIME_MS = 600_000;

const hashOf = (state: string): string => hash("sha256", `youtube oauth state ${state}`, "base64url");

/**
 * Authorizations that were begun: each has a random state, which comes back with the browser and counts once. The store
 * keeps its hash alone, so that it counts on whichever instance and what is stored helps nobody; finding a hash takes a time
 * that says nothing of the state.
 */
export class OAuthStates {
  constructor(
    private readonly store: Store<Tables>,
    private readonly now: () => Date,
  ) {}

  /** @param actor who begins it; the connection is put down to them. */
  async begin(actor: string): Promise<{ state: string; expiresAt: string }> {
    const state = randomBytes(32).toString("base64url");
    const now = this.now();
    const expiresAt = new Date(now.getTime() + LIFETIME_MS).toISOString();
    await this.store.write(async (tx) => {
      await tx.deleteFrom("youtube_oauth_states").where("expires_at", "<", now.toISOString()).execute();
      await tx
        .insertInto("youtube_oauth_states")
        .values({ hash: hashOf(state), actor, expires_at: expiresAt })
        .execute();
    });
    return { state, expiresAt };
  }

  /** @returns who began it; undefined where nobody did, it came back before, or took too long. */
  async finish(state: string): Promise<string | undefined> {
    const row = await this.store.write((tx) =>
      tx.deleteFrom("youtube_oauth_states").where("hash", "=", hashOf(state)).returningAll().executeTakeFirst(),
    );
    return row === undefined || this.now().getTime() >= Date.parse(row.expires_at) ? undefined : row.actor;
  }
}
