import * as client from "openid-client";
import { AppError, toError } from "../../errors.js";
import type { Logger } from "../../logger.js";
import { isProtected, type OidcSettings } from "./config.js";
import type { SignInProofs } from "./sign-ins.js";

/** How long what the provider says of itself is believed. */
const BELIEVED_MS = 3_600_000;
/** By how much its clock may differ from ours. */
const CLOCK_TOLERANCE_S = 30;

/** Claims about somebody; issuer and subject are there, everything else is as the provider likes. */
export interface Claims {
  readonly iss: string;
  readonly sub: string;
  readonly [name: string]: unknown;
}

/**
 * The OpenID provider, as this service sees it. It is looked up with the first sign-in, so that the service starts and
 * serves everybody else while the provider is away.
 */
export class OidcProvider {
  private found: { configuration: Promise<client.Configuration>; untilMs: number } | undefined;

  constructor(
    private readonly settings: OidcSettings,
    private readonly logger: Logger,
  ) {}

  /**
   * Where to send a browser.
   *
   * @throws AppError `IDENTITY_PROVIDER_FAILED`.
   */
  async authorizationUrl({ state, nonce, codeVerifier }: SignInProofs): Promise<URL> {
    const { redirectUrl, scopes } = this.settings;
    const configuration = await this.configuration();
    return client.buildAuthorizationUrl(configuration, {
      ...{ redirect_uri: redirectUrl, scope: scopes, state, nonce },
      ...{ code_challenge: await client.calculatePKCECodeChallenge(codeVerifier), code_challenge_method: "S256" },
    });
  }

  /**
   * Who came back with an answer of the provider's: its code is exchanged, and the ID token's signature, issuer,
   * audience, times and nonce are checked.
   *
   * @param query of the callback.
   * @throws AppError `UNAUTHENTICATED` where the provider refused them or what came is not for this sign-in;
   *   `IDENTITY_PROVIDER_FAILED` where the provider cannot be reached or understood.
   */
  async claimsOf(query: string, { state, nonce, codeVerifier }: SignInProofs): Promise<Claims> {
    const configuration = await this.configuration();
    // The address that was registered: what stands in `Host` is the caller's to choose.
    const url = new URL(this.settings.redirectUrl);
    url.search = query;
    try {
      const checks = {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: codeVerifier,
        idTokenExpected: true,
      };
      const tokens = await client.authorizationCodeGrant(configuration, url, checks);
      const claims = tokens.claims();
      if (claims === undefined) throw new Error("There is no ID token.");
      const isThere = Object.hasOwn(claims, this.settings.grantsClaim);
      if (isThere || configuration.serverMetadata().userinfo_endpoint === undefined) return claims;
      // Many providers tell groups and names there alone.
      return { ...(await client.fetchUserInfo(configuration, tokens.access_token, claims.sub)), ...claims };
    } catch (thrown) {
      throw this.failure(thrown);
    }
  }

  private configuration(): Promise<client.Configuration> {
    const { found } = this;
    if (found !== undefined && performance.now() < found.untilMs) return found.configuration;
    const configuration = this.discover();
    const entry = { configuration, untilMs: performance.now() + BELIEVED_MS };
    this.found = entry;
    configuration.catch(() => {
      if (this.found === entry) this.found = undefined;
    });
    return configuration;
  }

  private async discover(): Promise<client.Configuration> {
    const { issuer, clientId, clientSecret, timeoutMs } = this.settings;
    // `client_secret_basic` is what a provider takes unless it says otherwise (OpenID Connect Discovery §3).
    const showSecret: client.ClientAuth = (server, ...rest) => {
      const methods = server.token_endpoint_auth_methods_supported ?? ["client_secret_basic"];
      const auth = methods.includes("client_secret_basic") ? client.ClientSecretBasic : client.ClientSecretPost;
      auth(clientSecret)(server, ...rest);
    };
    const insecure = issuer.startsWith("http:") && isProtected(issuer) ? [client.allowInsecureRequests] : [];
    try {
      return await client.discovery(
        new URL(issuer),
        clientId,
        { [client.clockTolerance]: CLOCK_TOLERANCE_S },
        showSecret,
        // The library leaves the signature of an ID token that came over TLS alone; here it is always checked.
        { timeout: timeoutMs / 1000, execute: [client.enableNonRepudiationChecks, ...insecure] },
      );
    } catch (thrown) {
      throw this.failure(thrown, true);
    }
  }

  /** What went wrong, without what was said: it may hold codes, tokens and claims. */
  private failure(thrown: unknown, looking = false): AppError {
    if (thrown instanceof AppError) return thrown;
    const error = toError(thrown);
    const code = "code" in error ? String(error.code) : error.name;
    const reason = "error" in error && typeof error.error === "string" ? error.error.slice(0, 100) : undefined;
    const refused = !looking && isRefusal(error, code);
    this.logger.warn({ issuer: this.settings.issuer, code, reason }, "a sign-in at the OpenID provider failed");
    if (refused && reason === "access_denied")
      return new AppError("UNAUTHENTICATED", "The OpenID provider did not let you in.");
    return refused
      ? new AppError("UNAUTHENTICATED", "What the OpenID provider answered does not count for this sign-in. Try again.")
      : new AppError(
          "IDENTITY_PROVIDER_FAILED",
          "The OpenID provider cannot be reached or understood. Try again later.",
        );
  }
}

/** Codes of the library for answers that are well-formed and not valid. */
const NOT_VALID = new Set([
  "OAUTH_INVALID_RESPONSE",
  "OAUTH_JWT_TIMESTAMP_CHECK_FAILED",
  "OAUTH_JWT_CLAIM_COMPARISON_FAILED",
  "OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED",
  "OAUTH_KEY_SELECTION_FAILED",
]);

/** Whether it is this sign-in that failed, rather than the provider or what is configured of it. */
function isRefusal(error: Error, code: string): boolean {
  if (error instanceof client.AuthorizationResponseError)
    return error.error !== "server_error" && error.error !== "temporarily_unavailable";
  if (error instanceof client.ResponseBodyError) return error.error === "invalid_grant";
  return NOT_VALID.has(code);
}
