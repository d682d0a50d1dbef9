import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";

export type { Browser, Page } from "playwright-core";

/** Chromium as Debian, Ubuntu and others call it. */
function browserPath(): string {
  const names = ["chromium", "chromium-browser", "google-chrome"];
  // biome-ignore lint/style/noProcessEnv: where programs are is the environment's to say.
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

/**
 * What a page complains about: errors on its console, exceptions, whatever the content security policy keeps from running,
 * and requests to anywhere but its own origin. The list grows while the page lives.
 *
 * @param bears says which errors are part of the test, such as an answer 404 that is asked for.
 */
export function complaintsOf(page: Page, bears: (text: string) => boolean = () => false): string[] {
  const complaints: string[] = [];
  const note = (text: string) => {
    if (!bears(text)) complaints.push(text);
  };
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") note(message.text());
  });
  page.on("pageerror", (error) => note(error.message));
  page.on("request", (request) => {
    // A link to another site is followed by the visitor, not fetched by the page.
    if (request.isNavigationRequest()) return;
    const own = new URL(page.url() === "about:blank" ? request.url() : page.url()).host;
    const { host, protocol } = new URL(request.url());
    if (/^(https?|wss?):$/.test(protocol) && host !== own) note(`${request.url()} was asked for`);
  });
  return complaints;
}

/** Standards of WCAG 2.2, levels A and AA, and the rules that axe calls good practice. */
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** What axe finds wrong with a page as it stands, one line each: the rule and where. */
export async function axeFindings(page: Page): Promise<string[]> {
  const script = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  await page.evaluate(script);
  const found: { violations: { id: string; help: string; nodes: { target: unknown[]; failureSummary?: string }[] }[] } =
    await page.evaluate(`axe.run(document, { runOnly: ${JSON.stringify(RULES)} })`);
  return found.violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary = "" }) => `${id}: ${help} — ${target.join(" ")} ${failureSummary}`),
  );
}
