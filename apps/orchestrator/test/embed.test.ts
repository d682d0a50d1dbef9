import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { freePort, waitFor } from "@stream-control/test-kit";
import type { Browser, Page } from "@stream-control/test-kit/browser";
import { launchBrowser } from "@stream-control/test-kit/browser";
import { House } from "./house.js";

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser.close();
});

/** Another site with a page of its own, which shows ours in a frame. */
async function otherSite(frame: string, attributes = ""): Promise<AsyncDisposable & { url: string }> {
  const page = `<!doctype html><title>The club</title><iframe title="streams" src="${frame}" ${attributes} width="600" height="400"></iframe>`;
  const server = createServer((_request, response) => response.setHeader("Content-Type", "text/html").end(page));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What a page's console complains of, but for a socket that is away. */
function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" && !/WebSocket connection/.test(message.text())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  return complaints;
}

const stream = (sheet: string, title: string) => ({
  streamContext: { context: "League", sheet, team1: "Alpha", team2: "Beta" },
  streamMetadata: { title, publicUrl: "https://youtube.com/watch?v=abc12345678" },
});

test("another site's page shows the streams in a frame, which follows them, also across a restart; our other pages it cannot show", async () => {
  const port = await freePort();
  await using house = await House.open({ port, allowedOrigins: ["https://admin.example.com"] });
  const first = await house.submit(stream("A", "<img src=x onerror=alert(1)>"));
  await using site = await otherSite(`${house.url}/embed?theme=dark`);
  const page = await browser.newPage();
  const complaints = complaintsOf(page);
  await page.goto(site.url);
  const frame = page.frameLocator("iframe");
  const link = frame.getByRole("link", { name: "<img src=x onerror=alert(1)>" });
  await link.waitFor();
  expect(await link.getAttribute("href")).toBe("https://youtube.com/watch?v=abc12345678");
  expect(await link.getAttribute("rel")).toBe("noopener noreferrer");
  expect(await frame.getByRole("listitem").first().textContent()).toContain("Sheet A · Alpha v. Beta");
  await house.submit(stream("B", "Second"));
  await frame.getByRole("link", { name: "Second" }).waitFor();
  await house.api("POST", `/v1/jobs/${first.id}/stop`);
  await waitFor(async () => (await frame.getByRole("listitem").count()) === 1);
  await house.stop();
  await frame.getByRole("status").filter({ hasText: "trying again" }).waitFor();
  await house.start();
  await house.submit(stream("C", "Third"));
  await frame.getByRole("link", { name: "Third" }).waitFor();
  expect(complaints).toEqual([]);
  await page.close();

  await using framed = await otherSite(`${house.url}/`);
  const other = await browser.newPage();
  await other.goto(framed.url);
  expect(await other.frameLocator("iframe").getByRole("heading", { name: "Stream Control" }).count()).toBe(0);
  await other.close();
}, 60_000);

test("in a sandboxed frame, where it has no origin, it shows them too", async () => {
  await using house = await House.open({ allowedOrigins: ["https://admin.example.com"] });
  await house.submit(stream("A", "First"));
  await using site = await otherSite(`${house.url}/embed`, 'sandbox="allow-scripts allow-popups"');
  const page = await browser.newPage();
  const complaints = complaintsOf(page);
  await page.goto(site.url);
  await page.frameLocator("iframe").getByRole("link", { name: "First" }).waitFor();
  expect(complaints).toEqual([]);
  await page.close();
}, 60_000);

test("a page may ask for some sheets and for light or dark, and says when nothing is live", async () => {
  await using house = await House.open();
  await house.submit(stream("A", "First"));
  await house.submit(stream("B", "Second"));
  const page = await browser.newPage({ colorScheme: "light" });
  await page.goto(`${house.url}/embed?sheet=B`);
  await page.getByRole("link", { name: "Second" }).waitFor();
  expect(await page.getByRole("listitem").count()).toBe(1);
  const paper = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
  expect(await paper()).toBe("rgb(255, 255, 255)");
  await page.goto(`${house.url}/embed?sheet=Z&theme=dark`);
  await page.getByRole("status").filter({ hasText: "No stream is live right now." }).waitFor();
  expect(await paper()).toBe("rgb(20, 23, 26)");
  // Nothing that somebody manages to put into it runs, and it asks nobody else for anything.
  await page.evaluate(
    `document.body.append(Object.assign(document.createElement("script"), { textContent: "window.hacked = 1" }))`,
  );
  expect(await page.evaluate("window.hacked ?? 'no'")).toBe("no");
  await expect(page.evaluate('fetch("http://elsewhere.invalid/").then(() => "sent")')).rejects.toThrow();
  await page.close();
}, 60_000);

test("its texts and links can be read by everybody: four and a half times the contrast of their ground, light and dark", async () => {
  await using house = await House.open();
  await house.submit(stream("A", "First"));
  for (const theme of ["light", "dark"]) {
    const page = await browser.newPage();
    await page.goto(`${house.url}/embed?theme=${theme}`);
    await page.getByRole("link", { name: "First" }).waitFor();
    const colours = (await page.evaluate(`["h1", "h2 a", "li p"].map((part) =>
      [getComputedStyle(document.querySelector(part)).color, getComputedStyle(document.body).backgroundColor])`)) as string[][];
    for (const [ink = "", paper = ""] of colours) expect(contrast(ink, paper)).toBeGreaterThan(4.5);
    await page.close();
  }
}, 60_000);

/** By WCAG 2.2, 1.4.3. */
function contrast(one: string, other: string): number {
  const luminance = (colour: string) => {
    const parts = (colour.match(/\d+/g) ?? []).slice(0, 3).map((text) => {
      const part = Number(text) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * (parts[0] ?? 0) + 0.7152 * (parts[1] ?? 0) + 0.0722 * (parts[2] ?? 0);
  };
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}
