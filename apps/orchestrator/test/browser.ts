import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";

/** Chromium as Debian, Ubuntu and others call it. */
function browserPath(): string {
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const folders = (process.env.PATH ?? "").split(delimiter);
  const found = folders.flatMap((folder) => names.map((name) => join(folder, name))).find((path) => existsSync(path));
  if (found === undefined) throw new Error("Chromium is missing; install it, such as by: apt-get install chromium");
  return found;
}

/** Starts the machine's Chromium. */
export const launchBrowser = (...args: string[]): Promise<Browser> =>
  chromium.launch({
    executablePath: browserPath(),
    // Root has no user namespaces to build a sandbox of.
    args: [...args, ...(process.getuid?.() === 0 ? ["--no-sandbox"] : [])],
  });
