import { once } from "node:events";
import { createServer } from "node:http";
import { expect, test } from "@jest/globals";
import { waitFor } from "@stream-control/test-kit";
import { complaintsOf, launchBrowser } from "@stream-control/test-kit/browser";
import { GuardedHouse } from "./guarded-house.js";
import { House } from "./house.js";

test("an admin makes and takes away keys, people, templates and webhooks in the console; others are shown what is theirs", async () => {
  const taken: string[] = [];
  const receiver = createServer((request, response) => {
    taken.push(String(request.headers["webhook-id"]));
    response.writeHead(204).end();
  }).listen(0, "127.0.0.1");
  await once(receiver, "listening");
  const address = receiver.address();
  const hook = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/hook`;
  const browser = await launchBrowser();
  try {
    await using guarded = await GuardedHouse.open();
    const page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
    // Nobody is signed in yet, and there is no OpenID provider.
    const complaints = complaintsOf(page, (text) => /status of 40[14]/.test(text));
    await page.goto(`${guarded.house.url}/settings`);
    await page.getByLabel("Password or API key").fill(guarded.adminKey);
    await page.getByRole("button", { name: "Sign in" }).click();

    const keys = page.getByRole("region", { name: "API keys" });
    await keys.getByLabel("Name of the new key").fill("scoreboard");
    await keys.getByLabel("Role").selectOption("operator");
    await keys.getByRole("button", { name: "Make a key" }).click();
    const made = String(await keys.getByText(/^sck_/).textContent());
    const asScoreboard = { authorization: `Bearer ${made}` };
    const session = () => fetch(`${guarded.house.url}/v1/session`, { headers: asScoreboard });
    expect(await (await session()).json()).toMatchObject({ name: "scoreboard", grants: { "*": "operator" } });
    await keys
      .getByRole("row", { name: /scoreboard/ })
      .getByRole("button", { name: "Revoke" })
      .click();
    await page.getByRole("alertdialog").getByRole("button", { name: "Revoke" }).click();
    await keys.getByRole("row", { name: /scoreboard/ }).waitFor({ state: "detached" });
    expect((await session()).status).toBe(401);

    const people = page.getByRole("region", { name: "People" });
    await people.getByLabel("Login").fill("ada");
    await people.getByLabel("Password").fill("correct horse battery");
    await people.getByRole("button", { name: "Add" }).click();
    await people.getByRole("row", { name: /ada/ }).waitFor();

    const templates = page.getByRole("region", { name: "Templates" });
    await templates.getByRole("button", { name: "New template" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name").fill("Sheet A");
    await dialog.getByLabel("Config").fill("{ this is not JSON");
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.getByText("The config is no JSON").waitFor();
    await dialog.getByLabel("Config").fill('{"source": {"type": "test"}}');
    await dialog.getByRole("button", { name: "Save" }).click();
    await templates.getByRole("row", { name: /Sheet A/ }).waitFor();

    const hooks = page.getByRole("region", { name: "Webhooks" });
    await hooks.getByLabel("Address").fill(hook);
    await hooks.getByRole("button", { name: "Add" }).click();
    await hooks.getByText(/^whsec_/).waitFor();
    await hooks.getByRole("button", { name: "Test" }).click();
    await page.getByText(`${hook} took the test.`).waitFor();
    await waitFor(() => taken.length === 1 || undefined, { what: "the test" });
    await hooks.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).click();
    await hooks.getByText(hook, { exact: true }).waitFor({ state: "detached" });

    // Whoever is a viewer is shown no button that they may not press.
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("Login").fill("ada");
    await page.getByLabel("Password or API key").fill("correct horse battery");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("You are ada: viewer in every room.").waitFor();
    await templates.getByRole("row", { name: /Sheet A/ }).waitFor();
    expect(await page.getByRole("heading", { level: 2 }).allTextContents()).toEqual(["New broadcasts", "Templates"]);
    expect(await templates.getByRole("button").count()).toBe(0);
    expect(complaints).toEqual([]);
  } finally {
    await browser.close();
    receiver.close();
  }
}, 120_000);

test("an operator keeps the score of a sheet in the console, and never undoes what somebody else has set", async () => {
  const browser = await launchBrowser();
  try {
    await using house = await House.open();
    await house.agent();
    const { id } = await house.submit({
      streamContext: { context: "League", sheet: "B", team1: "Alpha", team2: "Beta" },
    });
    await house.jobIn(id, "RUNNING");
    const page = await browser.newPage();
    await page.goto(`${house.url}/sheets`);
    const card = page.getByRole("listitem").filter({ has: page.getByRole("heading", { name: "Sheet B" }) });
    await card.getByText("Alpha", { exact: true }).waitFor();
    const sheet = async () => (await house.api("GET", "/v1/overlays/B")).body;
    for (const score of ["1", "2"]) {
      await card.getByRole("button", { name: "Red team one more" }).click();
      await waitFor(async () => (await sheet()).red.score === score || undefined, { what: `the score ${score}` });
      await card.getByLabel("Score of the red team").filter({ hasText: score }).waitFor();
    }
    await card.getByText("Names and words").click();
    await card.getByLabel("Yellow team", { exact: true }).fill("Beta B");
    await card.getByLabel("End, half or set").fill("End 3");
    await card.getByRole("button", { name: "Save" }).click();
    await waitFor(async () => (await sheet()).period === "End 3" || undefined, { what: "the words" });
    expect(await sheet()).toMatchObject({ yellow: { name: "Beta B" }, red: { score: "2" } });

    // Somebody else is faster.
    const answered = page.waitForResponse((response) => response.request().method() === "PUT");
    await page.route("**/v1/overlays/**", async (route) => {
      if (route.request().method() === "PUT") await house.api("PUT", "/v1/overlays/B", { red: { score: "7" } });
      await route.continue();
    });
    await card.getByRole("button", { name: "Red team one more" }).click();
    expect((await answered).status()).toBe(409);
    await page.getByRole("alert").getByText("Sheet B was not changed").waitFor();
    await card.getByLabel("Score of the red team").filter({ hasText: "7" }).waitFor();
    expect((await sheet()).red.score).toBe("7");
  } finally {
    await browser.close();
  }
}, 90_000);
