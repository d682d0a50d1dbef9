import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseEnv } from "node:util";
import { runCommand } from "@stream-control/service-kit";
import { setUpOAuth } from "./set-up.js";

/** The command `setup-youtube-oauth`: connects a YouTube channel and keeps its token in the folder's `.env`. */
await runCommand(async (say) => {
  if (process.argv.length > 2) return false;
  const file = resolve(".env");
  const saved = existsSync(file) ? parseEnv(readFileSync(file, "utf8")) : {};
  const given = { ...saved, ...process.env };
  const { YOUTUBE_CLIENT_ID: clientId, YOUTUBE_CLIENT_SECRET: clientSecret, YOUTUBE_REDIRECT_URL: redirectUrl } = given;
  await setUpOAuth({ clientId, clientSecret, redirectUrl, file, say });
  return true;
}, "Usage: YOUTUBE_CLIENT_ID=… YOUTUBE_CLIENT_SECRET=… node setup-youtube-oauth.js");
