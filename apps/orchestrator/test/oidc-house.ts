import { freePort } from "@stream-control/test-kit";
import { loadConfig } from "../src/config.js";
import type { OrchestratorOptions } from "../src/index.js";
import { GuardedHouse } from "./guarded-house.js";
import type { Answer } from "./house.js";
import { CLIENT, OpenIdProvider, type ProviderOptions } from "./openid-provider.js";

const START = "/v1/session/oidc/start";

/** A guarded house with a provider to sign in at, configured as a service is. */
export class OidcHouse implements AsyncDisposable {
  private constructor(
    readonly guarded: GuardedHouse,
    readonly provider: OpenIdProvider,
    readonly redirectUrl: string,
  ) {}

  static async open(
    options: OrchestratorOptions = {},
    { env, ...provided }: Partial<ProviderOptions> & { env?: Record<string, string> } = {},
  ): Promise<OidcHouse> {
    const port = await freePort();
    const redirectUrl = `http://127.0.0.1:${port}/v1/session/oidc/callback`;
    const provider = await OpenIdProvider.start({ redirectUrl, ...provided });
    const { orchestrator } = loadConfig({
      OIDC_ISSUER: provider.issuer,
      OIDC_CLIENT_ID: CLIENT.id,
      OIDC_CLIENT_SECRET: CLIENT.secret,
      OIDC_REDIRECT_URL: redirectUrl,
      OIDC_GRANTS: "stream-admins=*:admin,hall-ops=hall:operator,hall-ops=annex:viewer",
      OIDC_TIMEOUT_MS: "3000",
      ...env,
    });
    const { oidc } = orchestrator;
    if (oidc === undefined) throw new Error("The configuration has no OpenID provider.");
    return new OidcHouse(await GuardedHouse.open({ port, oidc, ...options }), provider, redirectUrl);
  }

  /** The first half, as a browser goes it: out to the provider, and as far as the address that it leads back to. */
  async goOut(): Promise<{ cookie: string; setCookie: string; asked: URL; back: URL }> {
    const begun = await fetch(this.guarded.house.url + START, { redirect: "manual" });
    if (begun.status !== 302) throw new Error(`The start was answered with ${begun.status}: ${await begun.text()}`);
    const [setCookie = ""] = begun.headers.getSetCookie();
    const asked = new URL(begun.headers.get("location") ?? "");
    const jar = new Map<string, string>();
    let at = asked;
    while (!at.href.startsWith(this.redirectUrl)) {
      const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
      const answer = await fetch(at, { redirect: "manual", headers: { cookie } });
      for (const line of answer.headers.getSetCookie()) {
        const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
        jar.set(name, value);
      }
      const to = answer.headers.get("location");
      if (to === null) throw new Error(`${at.href} was answered with ${answer.status}: ${await answer.text()}`);
      at = new URL(to, at);
    }
    return { cookie: setCookie.split(";")[0] ?? "", setCookie, asked, back: at };
  }

  /** The second half. */
  comeBack({ cookie, back }: { cookie: string; back: URL }, headers: Record<string, string> = {}): Promise<Answer> {
    return this.guarded.house.api("GET", `${back.pathname}${back.search}`, undefined, { cookie, ...headers });
  }

  async signIn(): Promise<Answer & { session: string }> {
    const answer = await this.comeBack(await this.goOut());
    return Object.assign(answer, { session: sessionOf(answer) });
  }

  async users(): Promise<{ id: string; login: string; name: string; grants: object; signIn: string }[]> {
    return (await this.guarded.admin.api("GET", "/v1/users")).body;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.guarded[Symbol.asyncDispose]();
    await this.provider[Symbol.asyncDispose]();
  }
}

/** The cookie of the session that an answer opened; "" where it opened none. */
export const sessionOf = ({ headers }: Answer): string =>
  headers
    .getSetCookie()
    .find((line) => line.startsWith("sc_session_"))
    ?.split(";")[0] ?? "";
