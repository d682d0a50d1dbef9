import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, startRtmpServer } from "@stream-control/test-kit";
import { launchBrowser } from "@stream-control/test-kit/browser";
import { bringUp } from "./lib/bring-up.mjs";
import { OrchestratorApi } from "./lib/orchestrator-api.mjs";
import { chromium, ffmpeg } from "./lib/requirements.mjs";
import { isRunnerOf, readSettings } from "./lib/services.mjs";
import { Stack } from "./lib/stack.mjs";
import { ensureRequirements } from "./lib/system-packages.mjs";
import { waitFor } from "./lib/wait.mjs";
import { ROOT } from "./lib/workspace.mjs";

/**
 * `pnpm screenshots`: takes the pictures of the console in `docs/console/`, of a real room that runs for that long: an
 * orchestrator, an agent and streams of their own.
 */
const FOLDER = join(ROOT, "docs/console");
const VIDEO = { width: 640, height: 360, fps: 25, bitrateKbps: 900, preset: "ultrafast" };
/** One stream each; the third is silent, which is an alarm after a second. */
const STREAMS = [
  { pattern: "testsrc2", team1: "Harbour", team2: "Hillside" },
  { pattern: "smptehdbars", team1: "Lakeside", team2: "Old Town" },
  { pattern: "testsrc", toneHz: 0, team1: "Riverbank", team2: "Station" },
];
const LAPTOP = { width: 1280, height: 900 };

/** @param {(typeof STREAMS)[number]} stream @param {number} index */
const jobOf = ({ pattern, toneHz = 440, team1, team2 }, index) => ({
  inlineConfig: {
    source: { type: "test", pattern, toneHz },
    destinations: [{ type: "rtmp", id: "platform", url: platform.url(), streamKey: `sheet-${index}` }],
    video: VIDEO,
    monitoring: { pictureMs: 1000, alarms: { silentMs: 1000 } },
  },
  streamContext: { context: "Autumn Cup", drawNumber: 4, sheet: "BCD"[index], team1, team2 },
});

await ensureRequirements([ffmpeg, chromium], { env: process.env, say: console.log });
const folder = mkdtempSync(join(tmpdir(), "stream-control-screenshots-"));
const env = { ...process.env, PORT: String(await freePort()), DATA_DIR: folder, SLOTS: "6", AGENT_NAME: "Encoder 1" };
const settings = readSettings(env);
const stack = new Stack({ say: console.log, isOurs: (command) => isRunnerOf(command, folder) });
const browser = await launchBrowser();
const platform = await startRtmpServer();
try {
  await bringUp({ stack, settings, env, signal: new AbortController().signal, say: console.log });
  const api = new OrchestratorApi(settings.url);
  const jobs = await Promise.all(STREAMS.map((stream, index) => api.submit(jobOf(stream, index))));
  await api.submit({
    inlineConfig: { source: { type: "rtsp", url: "rtsp://127.0.0.1:1/replay" }, sourceLoss: { action: "fail" } },
    streamMetadata: { title: "Replay of draw 3" },
  });
  const last = jobs.at(-1)?.id ?? "";
  await waitFor(async () => ((await api.job(last)).status === "RUNNING" ? true : undefined), {
    what: "the streams",
    deadlineMs: 60_000,
  });
  mkdirSync(FOLDER, { recursive: true });
  const page = await browser.newPage({ viewport: LAPTOP });
  await page.goto(settings.url);
  await page.getByText("There is no sound.").waitFor({ timeout: 60_000 });
  // Long enough for the small lines to have a shape.
  const points = "document.querySelector('polyline')?.points.numberOfItems > 25";
  await waitFor(async () => ((await page.evaluate(points)) ? true : undefined), { what: "lines", deadlineMs: 60_000 });

  /** @param {string} name @param {string} path @param {string} heading */
  const take = async (name, path, heading) => {
    await page.evaluate(`history.pushState({}, "", ${JSON.stringify(path)})`);
    await page.getByRole("heading", { level: 1, name: heading }).waitFor();
    await page.waitForLoadState("networkidle");
    const drawn = "[...document.querySelectorAll('img')].every((image) => image.complete && image.naturalWidth > 0)";
    await waitFor(async () => ((await page.evaluate(drawn)) ? true : undefined), {
      what: "pictures",
      deadlineMs: 30_000,
    });
    await page.screenshot({ path: join(FOLDER, `${name}.jpg`), type: "jpeg", quality: 82 });
    console.log(`docs/console/${name}.jpg`);
  };
  await take("board", "/", "Streams");
  await take("job", `/jobs/${jobs[0]?.id}`, "Autumn Cup");
  await take("new-stream", "/new", "New stream");
  await take("agents", "/agents", "Agents");
  await take("sheets", "/sheets", "Sheets");
  await take("history", "/history", "History");
  await take("settings", "/settings", "Settings");
  await page.emulateMedia({ colorScheme: "dark" });
  await page.setViewportSize({ width: 820, height: 1180 });
  await take("board-tablet-dark", "/", "Streams");
} finally {
  await browser.close();
  await stack.stop();
  await platform.close();
  rmSync(folder, { recursive: true, force: true });
}
