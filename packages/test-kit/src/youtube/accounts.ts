import { secret } from "../secret.js";

/** How long an authorization code counts. */
const CODE_MS = 600_000;

/** An answer of the token endpoint. */
export interface TokenAnswer {
  status: number;
  body: object;
}

/** What somebody asked for on the consent page. */
interface Consent {
  redirectUri: string;
  offline: boolean;
  /** A refresh token is given again only where consent was asked for anew. */
  fresh: boolean;
  expiresAtMs: number;
}

const failure = (status: number, error: string, description: string): TokenAnswer => ({
  status,
  body: { error, error_description: description },
});

/** One Google account with one client: consent, codes, access and refresh tokens. */
export class FakeAccounts {
  readonly clientId = "client-1.apps.googleusercontent.com";
  readonly clientSecret = secret("youtube-client-secret");
  /** Where the client may be led back to. */
  readonly redirectUris = new Set<string>(["http://localhost:3014/oauth/callback"]);
  /** What the person on the consent page does. */
  consents = true;
  scope = "https://www.googleapis.com/auth/youtube.force-ssl";
  /** Lifetime of access tokens. */
  accessTokenSeconds = 3600;
  /** With every refresh comes a new refresh token, and the old one ends. */
  rotates = false;
  /** Every refresh token that was given out and counts still. */
  readonly refreshTokens = new Set<string>();
  private readonly codes = new Map<string, Consent>();
  private readonly accessTokens = new Map<string, number>();
  private consentedBefore = false;

  /** A refresh token as an earlier authorization gave it. */
  issueRefreshToken(): string {
    const token = secret("youtube-refresh-token");
    this.refreshTokens.add(token);
    this.consentedBefore = true;
    return token;
  }

  /** Ends every token, as when the user takes the access away. */
  revokeAll(): void {
    this.refreshTokens.clear();
    this.accessTokens.clear();
  }

  /** Ends the access tokens alone. */
  expireAccessTokens(): void {
    this.accessTokens.clear();
  }

  accepts(authorization: string | undefined): boolean {
    const expiresAtMs = this.accessTokens.get(authorization?.replace(/^Bearer /, "") ?? "");
    return expiresAtMs !== undefined && expiresAtMs > Date.now();
  }

  /** The consent page: where the browser is led to. Undefined where Google shows an error page instead. */
  consent(query: URLSearchParams): URL | undefined {
    const redirectUri = query.get("redirect_uri") ?? "";
    if (query.get("client_id") !== this.clientId || !this.redirectUris.has(redirectUri)) return undefined;
    if (query.get("response_type") !== "code" || !query.get("scope")?.includes("youtube")) return undefined;
    const back = new URL(redirectUri);
    const state = query.get("state");
    if (state !== null) back.searchParams.set("state", state);
    if (!this.consents) {
      back.searchParams.set("error", "access_denied");
      return back;
    }
    const code = secret("youtube-code");
    this.codes.set(code, {
      redirectUri,
      offline: query.get("access_type") === "offline",
      fresh: query.get("prompt")?.includes("consent") === true || !this.consentedBefore,
      expiresAtMs: Date.now() + CODE_MS,
    });
    this.consentedBefore = true;
    back.searchParams.set("code", code);
    back.searchParams.set("scope", this.scope);
    return back;
  }

  /** The token endpoint. */
  token(form: URLSearchParams, authorization: string | undefined): TokenAnswer {
    const [basicId, basicSecret] = authorization?.startsWith("Basic ")
      ? Buffer.from(authorization.slice(6), "base64").toString().split(":").map(decodeURIComponent)
      : [];
    const id = form.get("client_id") ?? basicId;
    if (id !== this.clientId || (form.get("client_secret") ?? basicSecret) !== this.clientSecret)
      return failure(401, "invalid_client", "The OAuth client was not found.");
    if (form.get("grant_type") === "authorization_code") return this.exchange(form);
    if (form.get("grant_type") !== "refresh_token") return failure(400, "unsupported_grant_type", "Invalid grant_type");
    const refreshToken = form.get("refresh_token") ?? "";
    if (!this.refreshTokens.has(refreshToken))
      return failure(400, "invalid_grant", "Token has been expired or revoked.");
    if (!this.rotates) return this.granted({});
    this.refreshTokens.delete(refreshToken);
    return this.granted({ refresh_token: this.issueRefreshToken() });
  }

  /** The revocation endpoint. */
  revoke(token: string): TokenAnswer {
    if (!this.refreshTokens.delete(token)) return failure(400, "invalid_token", "Token expired or revoked");
    this.accessTokens.clear();
    return { status: 200, body: {} };
  }

  private exchange(form: URLSearchParams): TokenAnswer {
    const code = form.get("code") ?? "";
    const consent = this.codes.get(code);
    this.codes.delete(code);
    if (consent === undefined || consent.expiresAtMs <= Date.now())
      return failure(400, "invalid_grant", "Malformed auth code.");
    if (form.get("redirect_uri") !== consent.redirectUri) return failure(400, "redirect_uri_mismatch", "Bad Request");
    return this.granted(consent.offline && consent.fresh ? { refresh_token: this.issueRefreshToken() } : {});
  }

  private granted(more: object): TokenAnswer {
    const token = secret("youtube-access-token");
    this.accessTokens.set(token, Date.now() + this.accessTokenSeconds * 1000);
    const body = { access_token: token, expires_in: this.accessTokenSeconds, token_type: "Bearer", scope: this.scope };
    return { status: 200, body: { ...body, ...more } };
  }
}
