import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { waitFor } from "@stream-control/test-kit";
import { axeFindings, type Browser, complaintsOf, launchBrowser } from "@stream-control/test-kit/browser";
import { House } from "./house.js";

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

const show = {
  scenes: [
    { name: "Intro", duration_ms: 60_000 },
    { name: "Main <b>", duration_ms: 125_000 },
    { name: "Outro", duration_ms: 30_000 },
  ],
};

test("the rundown page shows scene, countdown and next, and forces, cues and skips", async () => {
  await using house = await House.open();
  const id = await house.make({ ...show, lifecycle: "independent" });
  const page = await browser.newPage();
  const complaints = complaintsOf(page);
  await page.goto(`${house.url}/`);
  await page.getByRole("link", { name: id }).click();
  await page.getByRole("button", { name: "Start" }).click();
  const textOf = (selector: string) => page.locator(selector).textContent();
  await waitFor(async () => (await textOf("#scene")) === "Intro");
  expect(await textOf("#next")).toBe("Main <b>");
  // It counts by itself, and agrees with the service to the second.
  await waitFor(async () => (await textOf("#countdown")) === "0:58");
  const { state } = (await house.call("GET", `/streams/${id}`)).json;
  expect(Math.ceil(state.scene.remaining_ms / 1000)).toBeLessThanOrEqual(58);
  expect(Math.ceil(state.scene.remaining_ms / 1000)).toBeGreaterThanOrEqual(50);

  await page.getByRole("button", { name: "Cue Outro" }).click();
  await waitFor(async () => (await textOf("#next")) === "Outro (cued)");
  await page.getByRole("button", { name: "Take next" }).click();
  await waitFor(async () => (await textOf("#scene")) === "Outro");
  await page.getByRole("button", { name: "Force Main <b>" }).click();
  await waitFor(async () => (await textOf("#scene")) === "Main <b>");
  expect(await textOf("#countdown")).toMatch(/^2:0[45]$/);
  await page.getByRole("button", { name: "Skip" }).click();
  await waitFor(async () => (await textOf("#scene")) === "Outro");
  await page.getByRole("button", { name: "+10 s" }).click();
  await waitFor(async () => /^0:(39|40)$/.test((await textOf("#countdown")) ?? ""));
  expect(await page.locator('tr[aria-current="true"]').textContent()).toContain("Outro");
  expect(await axeFindings(page)).toEqual([]);
  expect(complaints).toEqual([]);
  await page.close();
});

test("the rundown page signs in with a key where one is needed", async () => {
  const keys: string[] = [];
  await using house = await House.open({ accessControl: "required", onFirstKey: (key) => keys.push(key) });
  const headers = { Authorization: `Bearer ${keys[0]}` };
  const { json } = await house.call("POST", "/streams", show, headers);
  const page = await browser.newPage();
  await page.goto(`${house.url}/rundown/#${json.stream_id}`);
  await page.getByLabel("API key").fill(keys[0] ?? "");
  await page.getByRole("button", { name: "Sign in" }).click();
  // It is the first subscriber, so that the timeline starts.
  await waitFor(async () => (await page.locator("#scene").textContent()) === "Intro");
  await page.getByRole("button", { name: "Pause" }).click();
  await waitFor(async () => (await page.locator("#mode").textContent()) === "paused");
  await page.close();
});
