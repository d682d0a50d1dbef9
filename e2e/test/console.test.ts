import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { type RtmpServer, startRtmpServer, waitFor } from "@stream-control/test-kit";
import { axeFindings, type Browser, complaintsOf, launchBrowser, type Page } from "@stream-control/test-kit/browser";
import { Camera } from "./camera.js";
import { Room } from "./room.js";

const SMALL = { width: 320, height: 180, fps: 15, bitrateKbps: 300, gopSeconds: 1, preset: "ultrafast" } as const;

let room: Room;
let server: RtmpServer;
let browser: Browser;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  [room, server, browser] = await Promise.all([Room.open(), startRtmpServer(), launchBrowser()]);
  await room.startAgent("encoder-1", { AGENT_NAME: "Encoder 1" });
});
afterEach(() => page.close());
afterAll(async () => {
  await browser.close();
  await room.close();
  await server.close();
});

/** Opens the console; whatever a page complains about fails its test. */
async function open(path = "/"): Promise<void> {
  page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  // A stream that has no picture yet is asked for one in vain; an orchestrator that is away refuses.
  complaints = complaintsOf(page, (text) => /status of 404|ERR_CONNECTION_REFUSED|WebSocket connection/.test(text));
  await page.goto(`${room.url}${path}`);
  await page.getByText("Live", { exact: true }).waitFor();
}

const card = (title: string) => page.getByRole("listitem").filter({ has: page.getByRole("heading", { name: title }) });
const loudness = async (title: string) =>
  Number(await card(title).getByRole("meter", { name: "Sound" }).getAttribute("value"));

test("an operator runs a stream from its start to its end without a terminal", async () => {
  const camera = await Camera.plugIn(server, "cam");
  await open();
  await page.getByRole("link", { name: "New stream" }).click();
  await page.getByRole("heading", { name: "New stream" }).waitFor();

  // The form: the source is looked at before anything goes on air.
  const source = page.getByRole("group", { name: "Where the picture comes from" });
  await source.getByLabel("Kind").selectOption("rtmp");
  await source.getByLabel("Address").fill(server.url("cam"));
  await page.getByRole("button", { name: "Check the source" }).click();
  await page.getByText("Encoder 1 sees it").waitFor();
  await page.getByText(/video · h264 · 320×180/).waitFor();
  await page.getByLabel("Picture", { exact: true }).selectOption("240p");
  await page.getByLabel("Title", { exact: true }).fill("Sheet A");
  await page.getByText("1 agent could run it now.").waitFor();
  await page.getByRole("button", { name: "Start the stream" }).click();

  // Its own page, and the board.
  await page.getByRole("heading", { name: "Sheet A", level: 1 }).waitFor();
  await page.getByText("Everything is fine.").waitFor({ timeout: 60_000 });
  await page.getByRole("list", { name: "Timeline" }).getByText("The stream is running.").waitFor();
  await page.getByRole("link", { name: "Streams" }).click();
  const picture = card("Sheet A").getByRole("img");
  await picture.waitFor();
  const first = await picture.getAttribute("data-picture");
  await waitFor(async () => ((await picture.getAttribute("data-picture")) !== first ? true : undefined), {
    what: "the picture to move",
  });
  expect(await page.evaluate("document.querySelector('[data-picture]').naturalWidth")).toBeGreaterThan(100);
  await waitFor(async () => ((await loudness("Sheet A")) > -40 ? true : undefined), { what: "sound" });

  // Muted, its meter falls; nothing is reloaded.
  await page.evaluate("window.sameDocument = true");
  await card("Sheet A").getByRole("button", { name: "Mute" }).click();
  await card("Sheet A").getByText("Muted.").waitFor();
  await waitFor(async () => ((await loudness("Sheet A")) <= -60 ? true : undefined), { what: "silence" });
  await card("Sheet A").getByRole("button", { name: "Unmute" }).click();
  await waitFor(async () => ((await loudness("Sheet A")) > -40 ? true : undefined), { what: "sound again" });

  // Its title.
  await card("Sheet A").getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "Edit title" }).click();
  await page.getByRole("dialog").getByLabel("Title").fill("Sheet A, final");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await card("Sheet A, final").waitFor();

  // How busy its agent is, its encoder included.
  await page.getByRole("link", { name: "Agents" }).click();
  await page.getByText(/^1 encode, [1-9]\d* % of one core$/).waitFor();
  await page.getByRole("link", { name: "Streams" }).click();

  // The camera is unplugged, and comes back.
  await camera.unplug();
  await card("Sheet A, final").getByText("The source is lost; the slate is on air.").waitFor({ timeout: 30_000 });
  const again = await Camera.plugIn(server, "cam");
  await card("Sheet A, final").getByText("Everything is fine.").waitFor({ timeout: 60_000 });

  // The orchestrator is killed: the page says so, and goes on when it is back.
  await room.killOrchestrator();
  await page.getByText("The orchestrator is away.").waitFor();
  expect(await card("Sheet A, final").isVisible()).toBe(true);
  await room.startOrchestrator();
  await page.getByText("Live", { exact: true }).waitFor({ timeout: 30_000 });
  await card("Sheet A, final").getByText("Everything is fine.").waitFor({ timeout: 60_000 });

  // A stop asks first.
  await card("Sheet A, final").getByRole("button", { name: "Stop" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Cancel" }).click();
  expect((await room.jobs()).at(-1)?.status).toBe("RUNNING");
  await card("Sheet A, final").getByRole("button", { name: "Stop" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Stop the stream" }).click();
  await page.getByText("No stream is on air.").waitFor({ timeout: 30_000 });
  expect(await page.evaluate("window.sameDocument")).toBe(true);

  // What happened stands on its page and in the history.
  await page.getByRole("link", { name: "History" }).click();
  await page.getByRole("searchbox", { name: "Find" }).fill("final");
  await page.getByRole("link", { name: "Sheet A, final" }).click();
  const timeline = page.getByRole("list", { name: "Timeline" });
  for (const type of ["stream.source_lost", "stream.source_back", "job.muted", "job.stopped"])
    await timeline.getByText(type, { exact: true }).first().waitFor();
  expect(complaints).toEqual([]);
  await again.unplug();
}, 300_000);

test("every page is free of what axe finds, in light and in dark, on a laptop and on a tablet", async () => {
  const { id } = await room.submit({
    inlineConfig: { source: { type: "test" }, video: SMALL },
    streamContext: { context: "League", sheet: "B", team1: "Alpha", team2: "Beta" },
  });
  await room.until(id, "RUNNING");
  const gone = await room.submit({ inlineConfig: { source: { type: "file", path: "/nowhere/x.mp4" } } });
  await room.until(gone.id, "FAILED");
  const found: string[] = [];
  await open();
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    for (const path of [
      "/",
      `/jobs/${id}`,
      `/jobs/${gone.id}`,
      "/agents",
      "/new",
      "/sheets",
      "/history",
      "/settings",
      "/nowhere",
    ]) {
      // Within the page, as a click on a link would.
      await page.evaluate(`history.pushState({}, "", ${JSON.stringify(path)})`);
      await page.getByRole("heading", { level: 1 }).first().waitFor();
      await page.waitForLoadState("networkidle");
      found.push(...(await axeFindings(page)).map((finding) => `${colorScheme} ${path} ${finding}`));
    }
  }
  await page.setViewportSize({ width: 768, height: 1024 });
  for (const path of ["/", `/jobs/${id}`, "/agents", "/new", "/sheets", "/history", "/settings"]) {
    await page.evaluate(`history.pushState({}, "", ${JSON.stringify(path)})`);
    await page.waitForLoadState("networkidle");
    const beyond = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
    if (Number(beyond) > 0) found.push(`${path} is ${beyond} px wider than a tablet`);
  }
  expect(found).toEqual([]);
  expect(complaints).toEqual([]);
  await room.stop(id);
}, 180_000);

test("a click opens what goes out, about a second behind, as moving pictures with sound", async () => {
  const { id } = await room.submit({
    inlineConfig: { source: { type: "test" }, video: SMALL },
    streamMetadata: { title: "Sheet C" },
  });
  await room.until(id, "RUNNING");
  await open();
  await card("Sheet C").getByRole("button", { name: "Preview" }).click();
  const video = (what: string) => page.evaluate(`document.querySelector("video")?.${what}`);
  await waitFor(async () => (Number(await video("currentTime")) > 1 ? true : undefined), { what: "the preview" });
  expect(await video("videoWidth")).toBe(SMALL.width);
  const then = Number(await video("currentTime"));
  await waitFor(async () => (Number(await video("currentTime")) > then + 1 ? true : undefined), {
    what: "it to go on",
  });
  await page.getByRole("button", { name: "Close" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  expect(complaints).toEqual([]);
  await room.stop(id);
}, 120_000);

test("the keyboard alone is enough: skipping, opening, choosing, leaving a dialog, and stopping", async () => {
  const { id } = await room.submit({
    inlineConfig: { source: { type: "test" }, video: SMALL },
    streamMetadata: { title: "Sheet D" },
  });
  await room.until(id, "RUNNING");
  await open();
  const focused = () => page.evaluate("document.activeElement?.textContent?.trim()");
  await page.keyboard.press("Tab");
  expect(await focused()).toBe("Skip to the content");
  await page.keyboard.press("Enter");
  expect(await page.evaluate("document.activeElement?.id")).toBe("content");

  await card("Sheet D").getByRole("button", { name: "More" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("menu").waitFor();
  await page.keyboard.press("ArrowDown");
  expect(await focused()).toBe("Edit title");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "Edit title" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });

  await card("Sheet D").getByRole("button", { name: "Stop" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("alertdialog").waitFor();
  while ((await focused()) !== "Stop the stream") await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await room.until(id, "STOPPED");
  expect(complaints).toEqual([]);
}, 120_000);

test("a network that is gone without a goodbye is noticed, and that it is back", async () => {
  await open();
  await page.context().setOffline(true);
  await page.getByText("The orchestrator is away.").waitFor({ timeout: 60_000 });
  await page.context().setOffline(false);
  await page.getByText("Live", { exact: true }).waitFor({ timeout: 30_000 });
}, 120_000);
