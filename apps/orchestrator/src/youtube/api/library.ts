import type { auth, youtube_v3 } from "googleapis/build/src/apis/youtube/index.js";
import type { YouTubeSettings } from "../settings.js";

/** Google's client for one account. */
export type AuthClient = InstanceType<(typeof auth)["OAuth2"]>;
export type YouTubeService = youtube_v3.Youtube;

/** Google's library, as far as it is used. */
export interface Library {
  authClient(): AuthClient;
  service(client: AuthClient): YouTubeService;
}

/**
 * Loads the YouTube part of Google's library: the whole of it takes 180 MB of memory, and a service without YouTube needs
 * none of it.
 */
export async function loadLibrary(settings: YouTubeSettings): Promise<Library> {
  const google = await import("googleapis/build/src/apis/youtube/index.js");
  const { clientId, clientSecret, redirectUrl, authUrl, tokenUrl, revokeUrl, timeoutMs, apiUrl } = settings;
  return {
    authClient: () =>
      new google.auth.OAuth2({
        ...{ clientId, clientSecret, redirectUri: redirectUrl },
        endpoints: { oauth2AuthBaseUrl: authUrl, oauth2TokenUrl: tokenUrl, oauth2RevokeUrl: revokeUrl },
        transporterOptions: { timeout: timeoutMs, retry: false },
      }),
    service: (client) => google.youtube({ version: "v3", auth: client, rootUrl: apiUrl }),
  };
}
