import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { freePort, waitFor } from "@stream-control/test-kit";
import type { Browser, Page } from "@stream-control/test-kit/browser";
import { launchBrowser } from "@stream-control/test-kit/browser";
import { GuardedHouse } from "./guarded-house.js";
import { House } from "./house.js";

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser.close();
});

/** A page as a browser source has it, and what its console complains of, but for a socket that is away. */
async function source(address: string) {
  const page = await browser.newPage({ viewport: { width: 1920, height: 1080 } });
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" && !/WebSocket connection/.test(message.text())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(address);
  return { page, complaints };
}

const put = async (house: House, body: object) => {
  const { status, text } = await house.api("PUT", "/v1/overlays/A", body);
  if (status !== 200) throw new Error(`The change was answered with ${status}: ${text}`);
};
const row = (page: Page, id: string) => page.locator(`#${id}`);
const shows = (page: Page, id: string, text: string) => row(page, id).filter({ hasText: text }).waitFor();

/** Red, green, blue and opacity of places of what the page shows, from 0 to 255. */
async function pixels(page: Page, places: readonly (readonly [x: number, y: number])[]): Promise<number[][]> {
  const picture = await page.screenshot({ omitBackground: true, type: "png" });
  const reader = await browser.newPage();
  const seen = await reader.evaluate(`(async () => {
    const image = new Image();
    image.src = "data:image/png;base64,${picture.toString("base64")}";
    await image.decode();
    const context = Object.assign(document.createElement("canvas"), { width: 1920, height: 1080 }).getContext("2d");
    context.drawImage(image, 0, 0);
    return ${JSON.stringify(places)}.map(([x, y]) => [...context.getImageData(x, y, 1, 1).data]);
  })()`);
  await reader.close();
  return seen as number[][];
}

describe("/overlay/:sheet", () => {
  test("shows names, colours, score, period and clock of its sheet, follows every change, and comes back after a restart", async () => {
    const port = await freePort();
    await using house = await House.open({ port });
    const { page, complaints } = await source(`${house.url}/overlay/A`);
    await put(house, { title: "Final", red: { name: "Alpha", score: 4, color: "#0000ff" }, period: "End 5" });
    await shows(page, "red", "Alpha");
    await shows(page, "title", "Final");
    await shows(page, "foot", "End 5");
    expect(await row(page, "red").locator(".score").textContent()).toBe("4");
    // A team of which nothing is known has no row, and what has no text no box.
    expect(await row(page, "yellow").isVisible()).toBe(false);
    await house.api("PUT", "/v1/teamnames", { sheet: "A", yellow: "Beta" });
    await shows(page, "yellow", "Beta");
    await house.stop();
    await house.start();
    await put(house, { red: { score: 5 } });
    await shows(page, "red", "5");
    const inTenMinutes = new Date(Date.now() + 600_000).toISOString();
    await put(house, { clock: { mode: "down", at: inTenMinutes } });
    await shows(page, "clock", "9:5");
    await put(house, { clock: { mode: "up", at: new Date(Date.now() - 3_725_000).toISOString() } });
    await shows(page, "clock", "1:02:");
    await put(house, { clock: { mode: "time" } });
    await waitFor(async () => /^\d\d:\d\d/.test((await row(page, "clock").textContent()) ?? ""));
    await put(house, { visible: false });
    await row(page, "overlay").waitFor({ state: "hidden" });
    expect(await page.locator("body").textContent()).not.toContain("Alpha");
    expect(complaints).toEqual([]);
    await page.close();
  }, 60_000);

  test("is transparent but for what it shows, which stays within the safe area of a picture of 1920 by 1080", async () => {
    await using house = await House.open();
    await put(house, {
      title: "Final",
      red: { name: "N".repeat(200), score: "4", color: "#0000ff" },
      yellow: { name: "Beta" },
      period: "End 5",
    });
    const { page } = await source(`${house.url}/overlay/A`);
    await shows(page, "yellow", "Beta");
    const edge = await row(page, "red").boundingBox();
    if (edge === null) throw new Error("The row has no place.");
    const [middle, corner, stripe] = await pixels(page, [
      [1500, 800],
      [0, 0],
      [Math.round(edge.x + 8), Math.round(edge.y + edge.height / 2)],
    ]);
    expect([middle?.[3], corner?.[3]]).toEqual([0, 0]);
    expect(stripe).toEqual([0, 0, 255, 255]);
    for (const place of ["top-left", "top-right", "bottom-left", "bottom-right"]) {
      await page.goto(`${house.url}/overlay/A?place=${place}&scale=1.2&theme=light`);
      await shows(page, "yellow", "Beta");
      const box = await row(page, "overlay").boundingBox();
      if (box === null) throw new Error("The overlay has no place.");
      const right = box.x + box.width;
      const bottom = box.y + box.height;
      expect([box.x >= 67, box.y >= 37, right <= 1853, bottom <= 1043]).toEqual([true, true, true, true]);
      expect([box.x > 500, box.y > 500]).toEqual([place.endsWith("right"), place.startsWith("bottom")]);
    }
    await page.close();
  }, 60_000);

  test("runs no script and follows no style that was put into a name", async () => {
    await using house = await House.open();
    const { page } = await source(`${house.url}/overlay/A`);
    const script = "<img src=x onerror='window.hacked=1'><script>window.hacked=2</script>";
    await put(house, {
      title: script,
      red: { name: script, score: "<b>" },
      yellow: { name: "Beta" },
      period: "<script>window.hacked=4</script>",
    });
    await shows(page, "yellow", "Beta");
    expect(await row(page, "red").locator(".name").textContent()).toBe(script);
    expect(await page.locator("main img, main script, main b").count()).toBe(0);
    // Also what somebody manages to put into the page itself does not run, and reaches nobody elsewhere.
    await page.evaluate(
      `document.body.append(Object.assign(document.createElement("script"), { textContent: "window.hacked = 3" }))`,
    );
    await expect(page.evaluate('fetch("http://elsewhere.invalid/").then(() => "sent")')).rejects.toThrow();
    expect(await page.evaluate("window.hacked ?? 'no'")).toBe("no");
    await page.close();
  }, 60_000);

  test("needs no sign-in for a public room; for another one it asks with the session of its browser", async () => {
    await using guarded = await GuardedHouse.open();
    const { house, admin } = guarded;
    const set = (name: string, query = "") => admin.api("PUT", `/v1/overlays/A${query}`, { red: { name } });
    await set("Everybody's");
    await set("The hall's", "?room=hall");
    const { page, complaints } = await source(`${house.url}/overlay/A`);
    await shows(page, "red", "Everybody's");
    expect(complaints).toEqual([]);
    const member = await guarded.let({ hall: "viewer" });
    await page.goto(house.url);
    await page.getByLabel("Password or API key").fill(member.key);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("button", { name: "Sign out" }).waitFor();
    await page.goto(`${house.url}/overlay/A?room=hall&session`);
    await shows(page, "red", "The hall's");
    await set("Still the hall's", "?room=hall");
    await shows(page, "red", "Still the hall's");
    await page.close();
  }, 60_000);

  test("takes any label, and no address that is none", async () => {
    await using house = await House.open();
    const label = "Bahn 5/ä?#%";
    await house.api("PUT", `/v1/overlays/${encodeURIComponent(label)}`, { red: { name: "Alpha" } });
    const { page } = await source(`${house.url}/overlay/${encodeURIComponent(label)}`);
    await shows(page, "red", "Alpha");
    await page.close();
    for (const path of ["/overlay/%07", "/overlay/%E0", `/overlay/${"x".repeat(51)}`])
      expect([path, (await house.api("GET", path)).status]).toEqual([path, 400]);
    expect((await house.api("GET", "/overlay")).status).toBe(404);
  }, 60_000);
});
