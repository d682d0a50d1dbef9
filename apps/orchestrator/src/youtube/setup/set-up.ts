import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError } from "@stream-control/service-kit";
import { LOCAL_REDIRECT_URL, YOUTUBE_SCOPE } from "../settings.js";
import { saveVariables } from "./env-file.js";

/** Long enough to find the second factor. */
const PATIENCE_MS = 600_000;

export interface SetUpOptions {
  clientId: string | undefined;
  clientSecret: string | undefined;
  /** On this machine; registered at Google. {@link LOCAL_REDIRECT_URL} unless given. */
  redirectUrl: string | undefined;
  /** The env file that is written. */
  file: string;
  /** Writes a line for whoever started it. */
  say: (line: string) => void;
}

/**
 * Opens the browser on Google's consent page, waits for its answer on the port of {@link LOCAL_REDIRECT_URL}, and writes the
 * refresh token to the env file.
 *
 * @throws ConfigError, Error with a sentence that says what to do.
 */
export async function setUpOAuth({ clientId, clientSecret, redirectUrl, file, say }: SetUpOptions): Promise<void> {
  if (!clientId || !clientSecret)
    throw new ConfigError(
      "YOUTUBE_CLIENT_ID and YOUTUBE_CLIENT_SECRET are needed. Make an OAuth client of the type “Web application” at " +
        `console.cloud.google.com, with the redirect URI ${LOCAL_REDIRECT_URL}, and give both here.`,
    );
  // The service's own callback is for browsers that reach the service; here it is this command that listens.
  const isHere = redirectUrl !== undefined && URL.parse(redirectUrl)?.hostname === "localhost";
  const redirect = isHere ? redirectUrl : LOCAL_REDIRECT_URL;
  await requirePort(redirect);
  say(
    "Opening the browser; grant the access there. Where none opens, connect the channel by GET /oauth/auth-url instead.",
  );
  const refreshToken = await authorize({ clientId, clientSecret, redirect });
  await saveVariables(file, {
    YOUTUBE_CLIENT_ID: clientId,
    YOUTUBE_CLIENT_SECRET: clientSecret,
    YOUTUBE_REFRESH_TOKEN: refreshToken,
  });
  say(`Saved to ${file}, which only you may read. Restart the orchestrator with it.`);
}

async function authorize(client: { clientId: string; clientSecret: string; redirect: string }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sc-oauth-"));
  let timer: NodeJS.Timeout | undefined;
  try {
    // The library reads the client from a file alone. The folder is its owner's, and gone in a moment.
    const keyfilePath = join(folder, "client.json");
    const web = { client_id: client.clientId, client_secret: client.clientSecret, redirect_uris: [client.redirect] };
    await writeFile(keyfilePath, JSON.stringify({ web }), { mode: 0o600 });
    const { authenticate } = await import("@google-cloud/local-auth");
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("Nobody granted the access within ten minutes.")), PATIENCE_MS);
    });
    const granted = await Promise.race([authenticate({ keyfilePath, scopes: [YOUTUBE_SCOPE] }), late]);
    const { refresh_token: refreshToken } = granted.credentials;
    if (refreshToken == null)
      throw new Error(
        "Google gave no refresh token, since this client was granted access before. Remove it at myaccount.google.com/permissions and run this again.",
      );
    return refreshToken;
  } catch (thrown) {
    throw inWords(thrown);
  } finally {
    clearTimeout(timer);
    await rm(folder, { recursive: true, force: true });
  }
}

/** The library would end the process where its port is taken. */
async function requirePort(redirect: string): Promise<void> {
  const port = Number(new URL(redirect).port || 3000);
  const probe = createServer().listen(port);
  try {
    await once(probe, "listening");
  } catch {
    throw new Error(`Port ${port} is in use, and Google leads the browser back there; end what listens on it.`);
  }
  probe.close();
  await once(probe, "close");
}

/** What the library throws may hold the request, with the client's secret and the code in it. */
function inWords(thrown: unknown): Error {
  if (!(thrown instanceof Error)) return new Error("The authorization failed.");
  const data: unknown = Reflect.get(thrown, "response");
  if (data === undefined)
    return thrown.message === "access_denied" ? new Error("The access was not granted; nothing was saved.") : thrown;
  return new Error(
    "Google refuses the authorization; check YOUTUBE_CLIENT_ID and YOUTUBE_CLIENT_SECRET, and that the redirect URI is registered.",
  );
}
