import { hash, randomBytes } from "node:crypto";
import type { Store } from "@stream-control/store";
import { parseCookie, stringifySetCookie } from "cookie";
import { sameText } from "../secret-token.js";
import type { AccessTables } from "../tables.js";

/** Long enough to find the second factor. */
const LIFETIME_MS = 600_000;

/** What one sign-in says to the provider, and expects to hear again. */
export interface SignInProofs {
  state: string;
  nonce: string;
  codeVerifier: string;
}

/**
 * Sign-ins that were begun. The browser keeps one secret, from which all three proofs are derived; the store keeps its
 * hash, so that it counts once, on whichever instance, and nothing that is stored helps to finish somebody's sign-in.
 */
export class SignIns {
  constructor(
    private readonly store: Store<AccessTables>,
    private readonly now: () => Date,
  ) {}

  async begin(): Promise<{ secret: string; proofs: SignInProofs }> {
    const secret = randomBytes(32).toString("base64url");
    const nowMs = this.now().getTime();
    const row = { hash: derived("row", secret), expires_at: new Date(nowMs + LIFETIME_MS).toISOString() };
    await this.store.write(async (tx) => {
      const old = tx.deleteFrom("access_oidc_sign_ins").where("expires_at", "<", new Date(nowMs).toISOString());
      await old.execute();
      await tx.insertInto("access_oidc_sign_ins").values(row).execute();
    });
    return { secret, proofs: proofsOf(secret) };
  }

  /**
   * Takes a sign-in in, once. A state of somebody else's sign-in leaves the browser's own as it is.
   *
   * @returns undefined where the browser has not begun it, or it was finished before, or took too long.
   */
  async finish(secret: string, state: string): Promise<SignInProofs | undefined> {
    if (!/^[\w-]{43}$/.test(secret)) return undefined;
    const proofs = proofsOf(secret);
    if (!sameText(state, proofs.state)) return undefined;
    const row = await this.store.write((tx) =>
      tx
        .deleteFrom("access_oidc_sign_ins")
        .where("hash", "=", derived("row", secret))
        .returningAll()
        .executeTakeFirst(),
    );
    return row === undefined || this.now().getTime() >= Date.parse(row.expires_at) ? undefined : proofs;
  }
}

/** 43 characters of base64url, which suit a PKCE verifier too (RFC 7636 §4.1). */
const derived = (what: string, secret: string): string => hash("sha256", `${what} ${secret}`, "base64url");

const proofsOf = (secret: string): SignInProofs => ({
  state: derived("state", secret),
  nonce: derived("nonce", secret),
  codeVerifier: derived("verifier", secret),
});

const nameOf = (service: string, secure: boolean): string => `${secure ? "__Host-" : ""}sc_oidc_${service}`;

export const readSignInCookie = (header: string | undefined, service: string, secure: boolean): string | undefined =>
  header === undefined ? undefined : parseCookie(header)[nameOf(service, secure)];

/** `Set-Cookie` of a sign-in's secret. Lax, because it is the provider's page that leads back here; "" takes it away. */
export const signInCookie = (secret: string, service: string, secure: boolean): string =>
  stringifySetCookie({
    ...{ name: nameOf(service, secure), value: secret, maxAge: secret === "" ? 0 : LIFETIME_MS / 1000 },
    ...{ httpOnly: true, sameSite: "lax", path: "/", secure },
  });
