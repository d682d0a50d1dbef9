import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { ffmpeg, run, waitFor } from "@stream-control/test-kit";
import { Room } from "./room.js";

const SMALL = { width: 320, height: 180, fps: 15, bitrateKbps: 300, gopSeconds: 1, preset: "ultrafast" };
/** A name in red letters on a red box in the middle of the picture. */
const BIG = { heightPercent: 30, box: "#ff0000", boxOpacity: 1, color: "#ff0000", xPercent: 50, yPercent: 50 };

let room: Room;
beforeAll(async () => {
  room = await Room.open();
  await mkdir(room.media, { recursive: true });
  await room.startAgent();
});
afterAll(() => room.close());

/** The colour in the middle of the newest picture of what goes out. */
async function middleOf(jobId: string): Promise<string> {
  const answer = await room.call(`/v1/jobs/${jobId}/snapshot`);
  if (!answer.ok) return "no picture";
  const file = room.folder.file("look.jpg");
  await writeFile(file, Buffer.from(await answer.arrayBuffer()));
  const graph = `movie=${file},crop=4:4:in_w/2-2:in_h/2-2,scale=1:1:flags=area,signalstats`;
  const { stdout } = await run("ffprobe", [
    ...["-v", "error", "-f", "lavfi", "-i", graph, "-of", "csv=p=0", "-show_entries"],
    "frame_tags=lavfi.signalstats.UAVG,lavfi.signalstats.VAVG",
  ]);
  const [u = 128, v = 128] = stdout.trim().split(",").map(Number);
  if (v > 180) return "red";
  return u > 180 ? "blue" : "another colour";
}

const put = async (path: string, body: object) => {
  const headers = { "Content-Type": "application/json" };
  const answer = await room.call(path, { method: "PUT", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path} was answered with ${answer.status}: ${await answer.text()}`);
};

test("what is set for a sheet is burnt into the picture of its job while that goes on, also after the orchestrator was away", async () => {
  const blue = join(room.media, "blue.mp4");
  const inputs = ["-f", "lavfi", "-i", "color=c=0x0000ff:s=320x180:r=15", "-f", "lavfi", "-i", "sine"];
  await ffmpeg([...inputs, "-t", "4", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", blue]);
  const { id } = await room.submit({
    inlineConfig: {
      source: { type: "file", path: blue, loop: true },
      video: SMALL,
      monitoring: { pictureMs: 500 },
      overlay: { lines: [{ id: "home", from: "red", ...BIG }] },
    },
    streamContext: { context: "League", sheet: "A" },
  });
  await room.until(id, "RUNNING");
  const middle = (wanted: string) =>
    waitFor(async () => (await middleOf(id)) === wanted, {
      what: `a ${wanted} middle`,
      everyMs: 200,
      deadlineMs: 30_000,
    });
  await middle("blue");
  await put("/v1/teamnames", { sheet: "A", red: "MMMM" });
  await middle("red");
  await put("/v1/overlays/A", { visible: false });
  await middle("blue");
  await room.killOrchestrator();
  await room.startOrchestrator();
  await put("/v1/overlays/A", { visible: true });
  await room.agentOnline();
  await middle("red");
  // It is the same encode all the time.
  expect(await room.job(id)).toMatchObject({ status: "RUNNING", epoch: 1, restarts: 0 });
  await room.stop(id);
}, 120_000);
