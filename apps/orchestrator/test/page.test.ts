import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { run, temporaryFolder, waitFor } from "@stream-control/test-kit";
import { complaintsOf, launchBrowser } from "@stream-control/test-kit/browser";
import { House } from "./house.js";

test("a browser shows the page, plays a preview and follows a stream under the content security policy, and runs no script that was put in", async () => {
  const media = await temporaryFolder();
  await using house = await House.open({ mediaDir: media.path });
  await house.agent({ agentId: "encoder-1" });
  const { id } = await house.submit({ streamMetadata: { title: "<img src=x onerror=alert(1)>" } });
  await house.jobIn(id, "RUNNING");
  await mkdir(media.file(id));
  await run("ffmpeg", [
    ...["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=6", "-f", "lavfi", "-i", "sine=d=6"],
    ...["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "25", "-c:a", "aac"],
    ...["-f", "hls", "-hls_time", "1", "-hls_list_size", "0", join(media.path, id, "index.m3u8")],
  ]);
  const engine = await launchBrowser("--autoplay-policy=no-user-gesture-required");
  try {
    const page = await engine.newPage();
    const complaints = complaintsOf(page, (text) => /status of 404/.test(text));
    await page.goto(house.url);
    await page.getByText("Live", { exact: true }).waitFor();
    await page.getByRole("heading", { name: "<img src=x onerror=alert(1)>" }).waitFor();
    // The preview plays: its media comes through a media source, which is a blob.
    await page.getByRole("button", { name: "Preview" }).click();
    await waitFor(() => page.evaluate("document.querySelector('video')?.currentTime > 0.5"), { what: "the preview" });
    expect(await page.evaluate("document.querySelector('video').src")).toMatch(/^blob:/);
    expect(complaints).toEqual([]);

    // What somebody manages to put into the page does not run, and reaches nobody elsewhere.
    await page.evaluate(`
      document.body.insertAdjacentHTML("beforeend", '<img src="data:," onerror="window.hacked = 1">');
      document.body.append(Object.assign(document.createElement("script"), { textContent: "window.hacked = 2" }));
    `);
    await expect(page.evaluate('fetch("http://elsewhere.invalid/").then(() => "sent")')).rejects.toThrow();
    expect(complaints.filter((text) => /Content Security Policy/.test(text)).length).toBeGreaterThanOrEqual(3);
    expect(await page.evaluate("window.hacked ?? 'no'")).toBe("no");
  } finally {
    await engine.close();
    await media.remove();
  }
}, 60_000);
