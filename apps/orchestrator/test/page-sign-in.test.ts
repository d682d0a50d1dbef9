import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { Browser } from "@stream-control/test-kit/browser";
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

/** A page, and what its console said. */
async function open(address: string) {
  const page = await browser.newPage();
  const said: string[] = [];
  page.on("console", (message) => said.push(message.text()));
  page.on("pageerror", (error) => said.push(String(error)));
  await page.goto(address);
  return { page, said };
}

test("whoever is not signed in is asked to, with a key or a password, and signs out again", async () => {
  await using guarded = await GuardedHouse.open();
  await guarded.admin.api("POST", "/v1/users", { login: "ada", password: "correct horse battery", role: "viewer" });
  await guarded.admin.api("POST", "/v1/jobs", { inlineConfig: { kind: "test" }, streamMetadata: { title: "Sheet A" } });
  const { page } = await open(guarded.house.url);
  const secret = page.getByLabel("Password or API key");
  const enter = page.getByRole("button", { name: "Sign in" });
  await secret.fill("sck_wrong");
  await enter.click();
  await page.getByRole("alert").filter({ hasText: "wrong" }).waitFor();
  await secret.fill(guarded.adminKey);
  await enter.click();
  await page.getByRole("heading", { name: "Sheet A" }).waitFor();
  // No script of the page can read the session's cookie.
  expect(await page.evaluate("document.cookie")).toBe("");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Login").fill("ada");
  await secret.fill("correct horse battery");
  await enter.click();
  await page.getByText("Live", { exact: true }).waitFor();
  // It comes back as itself.
  await page.reload();
  await page.getByRole("heading", { name: "Sheet A" }).waitFor();
  await page.close();
}, 60_000);

test("on this machine, in development, nobody is asked; the page breaks none of its own rules", async () => {
  await using house = await House.open();
  await house.submit({ streamMetadata: { title: "Sheet B" } });
  const { page, said } = await open(house.url);
  await page.getByRole("heading", { name: "Sheet B" }).waitFor();
  expect(await page.getByRole("form", { name: "Sign in" }).isVisible()).toBe(false);
  // Pages that are fetched when they are opened keep to the rules, too.
  for (const name of ["Agents", "History", "Settings", "Streams"]) {
    await page.getByRole("link", { name, exact: true }).click();
    await page.getByRole("heading", { name, level: 1 }).waitFor();
  }
  expect(said).toEqual([]);
  await page.close();
}, 60_000);

test("another site's page can neither read nor open a socket nor change anything", async () => {
  await using house = await House.open();
  await using guarded = await GuardedHouse.open();
  const { page } = await open("data:text/html,<title>elsewhere</title>");
  for (const url of [house.url, guarded.house.url]) {
    const read = `fetch("${url}/v1/jobs").then((answer) => answer.status, () => "kept out")`;
    expect(["kept out", 401]).toContain(await page.evaluate(read));
    const write = `fetch("${url}/v1/jobs", { method: "POST", mode: "no-cors", body: "{}" }).then(() => "sent", () => "kept out")`;
    await page.evaluate(write);
    const socket = `new Promise((resolve) => { const socket = new WebSocket("${url.replace("http", "ws")}/ui"); socket.onopen = () => resolve("open"); socket.onerror = () => resolve("kept out"); })`;
    expect(await page.evaluate(socket)).toBe("kept out");
  }
  expect((await house.api("GET", "/v1/jobs")).body).toEqual([]);
  expect((await guarded.admin.api("GET", "/v1/jobs")).body).toEqual([]);
  await page.close();
}, 60_000);
