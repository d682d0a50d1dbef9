import { expect, test } from "@jest/globals";
import { complaintsOf, launchBrowser } from "@stream-control/test-kit/browser";
import { YouTubeHouse } from "./youtube-house.js";

test("the console says that the channel's access has ended and what to do, and connects it again", async () => {
  const browser = await launchBrowser();
  try {
    await using youtube = await YouTubeHouse.open();
    const { house, fake } = youtube;
    const page = await browser.newPage();
    const complaints = complaintsOf(page);
    await page.goto(`${house.url}/settings`);
    await page.getByText("connected", { exact: true }).waitFor();
    await page.getByText(/Quota of today: \d+ of 10,000 units/).waitFor();

    fake.accounts.revokeAll();
    await house.stop();
    await house.start();
    await page.goto(house.url);
    await page.getByText("YouTube has to be connected again.").waitFor();
    await page.getByText(/expired or was revoked; connect the channel again/).waitFor();
    await page.getByRole("link", { name: "To the settings" }).click();
    await page.getByText("reconnect", { exact: true }).waitFor();

    // The way to the consent page is the orchestrator's, with a state that counts once.
    const asked = page.waitForRequest((request) => request.isNavigationRequest() && request.url().includes("state="));
    await page.getByRole("button", { name: "Connect a channel" }).click();
    expect((await asked).url().startsWith(fake.addresses.authUrl)).toBe(true);
    expect(complaints).toEqual([]);
  } finally {
    await browser.close();
  }
}, 90_000);
