import { hash, randomBytes, randomUUID } from "node:crypto";
import type { CreateUser, Grants, UpdateUser, UserRecord } from "@stream-control/protocol";
import type { Selectable, Store } from "@stream-control/store";
import { AppError } from "../errors.js";
import { checkPassword, hashPassword } from "./passwords.js";
import { grantsOf, type Principal } from "./principal.js";
import type { AccessTables } from "./tables.js";

type Row = Selectable<AccessTables["access_users"]>;

/** What an OpenID provider says of somebody. */
export interface ProvidedUser {
  /** `<issuer> <sub>`; the only part that tells users apart. */
  subject: string;
  /** What the user is listed under, unless it is taken. */
  login: string;
  name: string;
  grants: Grants;
}

/** People who sign in, with a password or at an OpenID provider. */
export class Users {
  /** What an unknown login is checked against, so that it takes as long as a known one. */
  private nobodys: Promise<string> | undefined;

  constructor(
    private readonly store: Store<AccessTables>,
    private readonly now: () => Date,
  ) {}

  /** @throws AppError `USER_EXISTS`. */
  async create({ login, name, password, role, grants }: CreateUser): Promise<UserRecord> {
    const row: Row = {
      ...{ id: randomUUID(), login, name: name ?? login, password_hash: await hashPassword(password) },
      ...{ oidc_subject: null, grants: JSON.stringify(grantsOf({ role, grants })) },
      ...{ created_at: this.now().toISOString(), last_sign_in_at: null, disabled_at: null },
    };
    const created = await this.store.write(async (tx) => {
      const { numInsertedOrUpdatedRows } = await tx
        .insertInto("access_users")
        .values(row)
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      return numInsertedOrUpdatedRows === 1n;
    });
    if (!created) throw new AppError("USER_EXISTS", `There is a user "${login}" already.`);
    return toRecord(row);
  }

  async list(): Promise<UserRecord[]> {
    return (await this.store.db.selectFrom("access_users").selectAll().orderBy("login").execute()).map(toRecord);
  }

  /** @throws AppError `NOT_FOUND`; `VALIDATION_FAILED` for a password of somebody who signs in elsewhere. */
  async update(id: string, change: UpdateUser): Promise<UserRecord> {
    const passwordHash = change.password === undefined ? undefined : await hashPassword(change.password);
    const { role, grants } = change;
    const row = await this.store.write(async (tx) => {
      const before = await tx.selectFrom("access_users").selectAll().where("id", "=", id).executeTakeFirst();
      if (before === undefined) throw new AppError("NOT_FOUND", `There is no user "${id}".`);
      if (passwordHash !== undefined && before.oidc_subject !== null)
        throw new AppError("VALIDATION_FAILED", "This user signs in at the OpenID provider and has no password here.");
      const disabledAt = before.disabled_at ?? this.now().toISOString();
      const after: Row = {
        ...before,
        name: change.name ?? before.name,
        password_hash: passwordHash ?? before.password_hash,
        grants: role === undefined && grants === undefined ? before.grants : JSON.stringify(grantsOf({ role, grants })),
        disabled_at: change.disabled === undefined ? before.disabled_at : change.disabled ? disabledAt : null,
      };
      await tx.updateTable("access_users").set(after).where("id", "=", id).execute();
      return after;
    });
    return toRecord(row);
  }

  /** @throws AppError `NOT_FOUND`. */
  async remove(id: string): Promise<void> {
    const { numDeletedRows } = await this.store.write((tx) =>
      tx.deleteFrom("access_users").where("id", "=", id).executeTakeFirstOrThrow(),
    );
    if (numDeletedRows === 0n) throw new AppError("NOT_FOUND", `There is no user "${id}".`);
  }

  /** Whose login and password they are; undefined where they are wrong or the user is disabled. */
  async signIn(login: string, password: string): Promise<Principal | undefined> {
    const row = await this.store.db
      .selectFrom("access_users")
      .selectAll()
      .where("login", "=", login)
      .executeTakeFirst();
    this.nobodys ??= hashPassword(randomBytes(16).toString("base64"));
    const right = await checkPassword(password, row?.password_hash ?? (await this.nobodys));
    if (!right || row === undefined || row.password_hash === null || row.disabled_at !== null) return undefined;
    await this.noteSignIn(row.id);
    return toPrincipal(row);
  }

  /**
   * The user whom an OpenID provider vouches for, made at the first sign-in, with the name and rights of this one. Users
   * are known by issuer and subject alone: a login or an address is whatever somebody wrote into a form over there.
   *
   * @returns undefined where the user is disabled, who then stays as they were.
   */
  async signInFromProvider(given: ProvidedUser): Promise<{ principal: Principal; isNew: boolean } | undefined> {
    const { subject, name } = given;
    const grants = JSON.stringify(given.grants);
    const at = this.now().toISOString();
    return this.store.write(async (tx) => {
      const users = tx.selectFrom("access_users").selectAll();
      const known = await users.where("oidc_subject", "=", subject).executeTakeFirst();
      if (known !== undefined) {
        if (known.disabled_at !== null) return undefined;
        const change = { name, grants, last_sign_in_at: at };
        await tx.updateTable("access_users").set(change).where("id", "=", known.id).execute();
        return { principal: toPrincipal({ ...known, ...change }), isNew: false };
      }
      const taken = await users.where("login", "=", given.login).executeTakeFirst();
      const row: Row = {
        ...{ id: randomUUID(), name, password_hash: null, oidc_subject: subject, grants },
        // Somebody else's login stays theirs.
        login: taken === undefined ? given.login : `${given.login}#${hash("sha256", subject, "hex").slice(0, 12)}`,
        ...{ created_at: at, last_sign_in_at: at, disabled_at: null },
      };
      await tx.insertInto("access_users").values(row).execute();
      return { principal: toPrincipal(row), isNew: true };
    });
  }

  /** The id of the user whom an OpenID provider knows by this subject. */
  async idOfSubject(subject: string): Promise<string | undefined> {
    const of = this.store.db.selectFrom("access_users").select("id").where("oidc_subject", "=", subject);
    return (await of.executeTakeFirst())?.id;
  }

  async byId(id: string): Promise<Principal | undefined> {
    const row = await this.store.db.selectFrom("access_users").selectAll().where("id", "=", id).executeTakeFirst();
    return row === undefined || row.disabled_at !== null ? undefined : toPrincipal(row);
  }

  async none(): Promise<boolean> {
    return (await this.store.db.selectFrom("access_users").select("id").limit(1).executeTakeFirst()) === undefined;
  }

  private async noteSignIn(id: string): Promise<void> {
    const at = this.now().toISOString();
    await this.store.write((tx) =>
      tx.updateTable("access_users").set({ last_sign_in_at: at }).where("id", "=", id).execute(),
    );
  }
}

const toPrincipal = (row: Row): Principal => ({
  kind: "user",
  id: `user:${row.id}`,
  name: row.name,
  grants: JSON.parse(row.grants) as Grants,
  expiresAtMs: null,
});

const toRecord = (row: Row): UserRecord => ({
  id: row.id,
  login: row.login,
  name: row.name,
  grants: JSON.parse(row.grants) as Grants,
  signIn: row.oidc_subject === null ? "password" : "oidc",
  createdAt: row.created_at,
  lastSignInAt: row.last_sign_in_at,
  disabledAt: row.disabled_at,
});
