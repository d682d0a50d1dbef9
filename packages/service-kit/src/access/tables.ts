import type { Migration } from "@stream-control/store";

/** Tables of who may do what; every service has the same. Times are ISO 8601 in UTC, `grants` is JSON. */
export interface AccessTables {
  access_keys: {
    id: string;
    name: string;
    hash: string;
    grants: string;
    created_at: string;
    created_by: string | null;
    expires_at: string | null;
    last_used_at: string | null;
    revoked_at: string | null;
  };
  access_users: {
    id: string;
    login: string;
    name: string;
    password_hash: string | null;
    /** `<issuer> <sub>` of a user who signs in at an OpenID provider. */
    oidc_subject: string | null;
    grants: string;
    created_at: string;
    last_sign_in_at: string | null;
    disabled_at: string | null;
  };
  access_sessions: {
    hash: string;
    /** Whom it was opened for: `user:…` or `key:…`. */
    principal_id: string;
    csrf_token: string;
    created_at: string;
    last_seen_at: string;
    expires_at: string;
  };
  access_tickets: {
    hash: string;
    principal_id: string;
    /** Hash of the session that asked for it; null where a key did. */
    session_hash: string | null;
    expires_at: string;
  };
  /** Sign-ins at an OpenID provider that were begun and not finished yet. */
  access_oidc_sign_ins: {
    hash: string;
    expires_at: string;
  };
}

/** Makes the table of sign-ins at an OpenID provider; it came after the others, so it is a migration of its own. */
export const oidcMigration: Migration = {
  async up(db) {
    await db.schema
      .createTable("access_oidc_sign_ins")
      .addColumn("hash", "text", (column) => column.primaryKey().notNull())
      .addColumn("expires_at", "text", (column) => column.notNull())
      .execute();
    await db.schema.createIndex("access_oidc_sign_ins_end").on("access_oidc_sign_ins").column("expires_at").execute();
  },
};

/** Makes {@link AccessTables} but for what {@link oidcMigration} makes. Each service puts it among its own migrations, under a name of its own order. */
export const accessMigration: Migration = {
  async up(db) {
    const table = async (name: string, key: string, required: readonly string[], optional: readonly string[] = []) => {
      let made = db.schema.createTable(name).addColumn(key, "text", (column) => column.primaryKey().notNull());
      for (const column of required) made = made.addColumn(column, "text", (definition) => definition.notNull());
      for (const column of optional) made = made.addColumn(column, "text");
      await made.execute();
    };
    await table(
      "access_keys",
      "id",
      ["name", "hash", "grants", "created_at"],
      ["created_by", "expires_at", "last_used_at", "revoked_at"],
    );
    await table(
      "access_users",
      "id",
      ["login", "name", "grants", "created_at"],
      ["password_hash", "oidc_subject", "last_sign_in_at", "disabled_at"],
    );
    await table("access_sessions", "hash", ["principal_id", "csrf_token", "created_at", "last_seen_at", "expires_at"]);
    await table("access_tickets", "hash", ["principal_id", "expires_at"], ["session_hash"]);
    const index = (name: string, on: string, column: string) => db.schema.createIndex(name).on(on).column(column);
    await index("access_users_login", "access_users", "login").unique().execute();
    await index("access_users_oidc", "access_users", "oidc_subject").unique().execute();
    await index("access_sessions_principal", "access_sessions", "principal_id").execute();
  },
};
