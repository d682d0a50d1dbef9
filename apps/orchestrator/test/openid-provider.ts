import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { jest } from "@jest/globals";
import { secret } from "@stream-control/test-kit";
import { decodeJwt, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import Provider from "oidc-provider";

type Claims = Record<string, unknown>;
type KeyPair = Awaited<ReturnType<typeof generateKeyPair>>;

export const CLIENT = { id: "stream-control", secret: secret("oidc-client-secret") };

/** What a provider that lies says in place of the truth. */
export interface Lie {
  /** Changes the claims of the ID token before it is signed. */
  claims?: (truth: JWTPayload) => JWTPayload;
  /** Signs it with a key that is not the provider's, under the same name. */
  wrongKey?: boolean;
  /** Answers the exchange of the code with this text instead. */
  body?: string;
  status?: number;
}

export interface ProviderOptions {
  redirectUrl: string;
  port?: number;
  /** The host in its name. */
  host?: string;
  /** Whether all claims stand in the ID token, or what a scope asks for at the userinfo endpoint alone. */
  claimsIn?: "idToken" | "userinfo";
}

/** A real OpenID provider, where whoever comes is signed in as {@link person} without a form, and which can lie. */
export class OpenIdProvider implements AsyncDisposable {
  /** Who signs in next. */
  person: { sub: string } & Claims = { sub: "ada-1", name: "Ada L.", preferred_username: "Ada", groups: ["hall-ops"] };
  lie: Lie | undefined;
  /** Whoever comes presses "cancel". */
  cancels = false;
  /** Whoever comes must press a button. */
  asks = false;
  /** Bodies of the exchanges of codes. */
  readonly exchanged: string[] = [];

  private constructor(
    readonly issuer: string,
    private readonly server: Server,
  ) {}

  static async start(options: ProviderOptions): Promise<OpenIdProvider> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const provider = new OpenIdProvider(`http://${options.host ?? "127.0.0.1"}:${port}`, server);
    await provider.serve(options);
    return provider;
  }

  private async serve({ redirectUrl, claimsIn = "idToken" }: ProviderOptions): Promise<void> {
    const [own, foreign] = await Promise.all([newKeys(), newKeys()]);
    const people = new Map<string, Claims>();
    // It says at length that its store is for development, which is what a test's is.
    const warned = jest.spyOn(console, "warn").mockImplementation(() => undefined);
    const real = new Provider(this.issuer, {
      clients: [{ client_id: CLIENT.id, client_secret: CLIENT.secret, redirect_uris: [redirectUrl] }],
      jwks: { keys: [{ ...(await exportJWK(own.privateKey)), kid: KID, alg: "RS256", use: "sig" }] },
      cookies: { keys: ["a key of a test's provider"] },
      claims: { openid: ["sub"], profile: ["name", "preferred_username", "groups"], email: ["email"] },
      conformIdTokenClaims: claimsIn === "userinfo",
      features: { devInteractions: { enabled: false } },
      pkce: { required: () => true },
      interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
      ttl: { AccessToken: 60, AuthorizationCode: 60, Grant: 60, IdToken: 60, Interaction: 60, Session: 60 },
      findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ ...people.get(sub), sub }) }),
      loadExistingGrant: async ({ oidc }) => {
        const clientId = oidc.client?.clientId;
        const accountId = oidc.session?.accountId;
        if (clientId === undefined || accountId === undefined) return undefined;
        const grant = new real.Grant({ clientId, accountId });
        grant.addOIDCScope("openid profile email");
        await grant.save();
        return grant;
      },
    });
    warned.mockRestore();
    real.use(async (ctx, next) => {
      if (ctx.path.startsWith("/interaction/")) {
        if (this.asks && ctx.method === "GET") {
          ctx.type = "html";
          ctx.body = '<!doctype html><form method="post"><button>Continue</button></form>';
          return;
        }
        people.set(this.person.sub, this.person);
        ctx.respond = false;
        const answer = this.cancels
          ? { error: "access_denied", error_description: "cancelled" }
          : { login: { accountId: this.person.sub, remember: false } };
        await real.interactionFinished(ctx.req, ctx.res, answer, { mergeWithLastSubmission: false });
        return;
      }
      await next();
      if (ctx.path !== "/token") return;
      this.exchanged.push(JSON.stringify(ctx.oidc?.body ?? null));
      if (this.lie !== undefined) await tell(this.lie, ctx, this.lie.wrongKey ? foreign : own);
    });
    const answer = real.callback();
    this.server.on("request", (request, response) => void answer(request, response));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

const KID = "only-one";
const newKeys = (): Promise<KeyPair> => generateKeyPair("RS256", { extractable: true });

async function tell(lie: Lie, ctx: { status: number; body: unknown }, { privateKey }: KeyPair): Promise<void> {
  if (lie.status !== undefined) ctx.status = lie.status;
  if (lie.body !== undefined) ctx.body = lie.body;
  const { body } = ctx;
  if (typeof body !== "object" || body === null || !("id_token" in body)) return;
  const truth = decodeJwt(String(body.id_token));
  const claims = lie.claims?.(truth) ?? truth;
  const forged = await new SignJWT(claims).setProtectedHeader({ alg: "RS256", kid: KID }).sign(privateKey);
  ctx.body = { ...body, id_token: forged };
}
