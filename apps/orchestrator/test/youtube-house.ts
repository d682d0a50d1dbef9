import { FakeYouTube } from "@stream-control/test-kit";
import { loadConfig } from "../src/config.js";
import type { OrchestratorOptions } from "../src/index.js";
import { House } from "./house.js";

export interface YouTubeHouseOptions extends OrchestratorOptions {
  /** Variables of the YouTube part, beside those that lead to the fake. */
  env?: Record<string, string>;
  /** Begins with a channel connected by the environment's token. */
  connected?: boolean;
}

/** The settings that a service has whose variables lead to a fake YouTube. */
export function youtubeOf(fake: FakeYouTube, env: Record<string, string> = {}) {
  const { addresses, accounts } = fake;
  const { youtube } = loadConfig({
    YOUTUBE_CLIENT_ID: accounts.clientId,
    YOUTUBE_CLIENT_SECRET: accounts.clientSecret,
    YOUTUBE_API_URL: addresses.apiUrl,
    YOUTUBE_AUTH_URL: addresses.authUrl,
    YOUTUBE_TOKEN_URL: addresses.tokenUrl,
    YOUTUBE_REVOKE_URL: addresses.revokeUrl,
    YOUTUBE_TIMEOUT_MS: "1500",
    ...env,
  }).orchestrator;
  if (youtube === undefined) throw new Error("The configuration has no YouTube.");
  return youtube;
}

/** An orchestrator that is configured, by its variables, for a fake YouTube. */
export class YouTubeHouse implements AsyncDisposable {
  private constructor(
    readonly fake: FakeYouTube,
    readonly house: House,
    readonly settings: ReturnType<typeof youtubeOf>,
  ) {}

  static async open({ env = {}, connected = true, ...options }: YouTubeHouseOptions = {}): Promise<YouTubeHouse> {
    const fake = await FakeYouTube.start();
    const token = connected ? { YOUTUBE_REFRESH_TOKEN: fake.accounts.issueRefreshToken() } : {};
    const youtube = youtubeOf(fake, { ...token, ...env });
    try {
      return new YouTubeHouse(fake, await House.open({ youtube, ...options }), youtube);
    } catch (error) {
      await fake[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Connects the channel as an admin does. */
  async connect(): Promise<void> {
    const back = await consent((await this.house.api("GET", "/oauth/auth-url")).body.authUrl);
    const answer = await this.house.api("POST", "/oauth/token", { code: back.href });
    if (answer.status !== 200) throw new Error(`The connection was answered with ${answer.status}: ${answer.text}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.house[Symbol.asyncDispose]();
    await this.fake[Symbol.asyncDispose]();
  }
}

/** Follows a consent page as a browser does, as far as the address that it leads back to. */
export async function consent(authUrl: string): Promise<URL> {
  const answer = await fetch(authUrl, { redirect: "manual" });
  const back = answer.headers.get("location");
  if (answer.status !== 302 || back === null) throw new Error(`The consent page was answered with ${answer.status}.`);
  return new URL(back);
}
