import { writeFile } from "node:fs/promises";
import { afterEach, expect, test } from "@jest/globals";
import type { StreamConfigInput } from "@stream-control/protocol";
import { argumentsOf, ffmpeg, run, type TemporaryFolder, temporaryFolder, waitFor } from "@stream-control/test-kit";
import { type Ends, type RunnerClient, SMALL, TestRunner, workersOf } from "./runner-kit.js";

const ends: Ends = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const HOSTILE = "%{localtime} \\: ' [x];,textfile=/etc/passwd\n%d $(id) `id` 你好 \u202e";

async function started(lines: object[], more: object = {}) {
  const folder = await temporaryFolder();
  ends.push(() => folder.remove());
  const blue = folder.file("blue.mp4");
  const inputs = ["-f", "lavfi", "-i", "color=c=0x0000ff:s=320x180:r=25", "-f", "lavfi", "-i", "sine"];
  await ffmpeg([...inputs, "-t", "4", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", blue]);
  const config: StreamConfigInput = {
    source: { type: "file", path: blue, loop: true },
    destinations: [{ type: "hls", path: folder.file("hls") }],
    video: SMALL,
    monitoring: { pictureMs: 500 },
    overlay: { lines: lines as never, ...(more as { logo?: never }) },
  };
  const runner = await TestRunner.start(config);
  ends.push(() => runner.dispose());
  return { folder, runner, client: await runner.client() };
}

/** The colour of the newest picture at a place, in parts of its width and height. */
async function colourAt(folder: TemporaryFolder, client: RunnerClient, x: number, y: number): Promise<number[]> {
  const last = client.all("picture").at(-1);
  if (last === undefined) return [];
  const file = folder.file("look.jpg");
  await writeFile(file, Buffer.from(last.jpeg, "base64"));
  const crop = `crop=4:4:in_w*${x}-2:in_h*${y}-2,scale=1:1:flags=area,format=rgb24`;
  const { stdout } = await run("ffprobe", [
    ...["-v", "error", "-f", "lavfi", "-i", `movie=${file},${crop},signalstats`, "-show_entries"],
    ...["frame_tags=lavfi.signalstats.YAVG,lavfi.signalstats.UAVG,lavfi.signalstats.VAVG", "-of", "csv=p=0"],
  ]);
  return stdout.trim().split(",").map(Number);
}

/** Red, green or blue, as a picture's luma and chroma tell it. */
async function isColour(folder: TemporaryFolder, client: RunnerClient, at: [number, number], wanted: string) {
  const [, u = 128, v = 128] = await colourAt(folder, client, ...at);
  const seen = v > 180 ? "red" : u > 180 ? "blue" : u < 100 && v < 100 ? "green" : "other";
  return seen === wanted;
}

const BIG = { heightPercent: 30, box: "#ff0000", boxOpacity: 1, color: "#ff0000", xPercent: 50, yPercent: 50 };

test("is burnt into the picture, changed with the next picture, and still there when the encoder is started again", async () => {
  const { folder, runner, client } = await started([{ id: "score", text: "MMMM", ...BIG }]);
  const middle = (wanted: string) =>
    waitFor(() => isColour(folder, client, [0.5, 0.5], wanted), { what: `a ${wanted} middle`, everyMs: 200 });
  await middle("red");
  expect(await client.command({ type: "overlay", texts: { score: "" } })).toMatchObject({ ok: true });
  await middle("blue");
  expect(await client.command({ type: "overlay", texts: { nobody: "x" } })).toMatchObject({
    ...{ ok: false, error: { code: "NOT_FOUND" } },
  });
  await client.command({ type: "overlay", texts: { score: "MM" } });
  await middle("red");
  const [program = 0] = await workersOf(runner.pid);
  process.kill(program, "SIGKILL");
  await client.event("event", ({ event }) => event === "stream.source_back");
  const shown = client.all("picture").length;
  await waitFor(() => client.all("picture").length > shown + 1, { what: "new pictures" });
  await middle("red");
}, 60_000);

test("draws any text as it stands, and a logo from a file of any name; nothing of it is in a command line", async () => {
  const folder = await temporaryFolder();
  ends.push(() => folder.remove());
  const logo = folder.file("lo'go: [1].png");
  await run("ffmpeg", ["-v", "error", "-f", "lavfi", "-i", "color=c=0x00ff00:s=64x64", "-frames:v", "1", logo]);
  const lines = [
    { id: "hostile", text: HOSTILE },
    { id: "clock", kind: "clock", yPercent: 50 },
    { id: "next", text: "MMMM", ...BIG },
  ];
  const place = { path: logo, heightPercent: 40, xPercent: 100, yPercent: 0 };
  const { folder: base, runner, client } = await started(lines, { logo: place });
  await waitFor(() => isColour(base, client, [0.5, 0.5], "red"), {
    what: "the line after the hostile one",
    everyMs: 200,
  });
  expect(await isColour(base, client, [0.9, 0.1], "green")).toBe(true);
  const commands = (await Promise.all((await workersOf(runner.pid)).map(argumentsOf))).flat().join("\n");
  expect(commands).not.toContain("passwd");
  expect(client.all("log").filter(({ level }) => level === "error")).toEqual([]);
}, 60_000);
