import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { ffmpeg, ffprobe, frameDistances, streamOf, videoPackets, waitFor } from "@stream-control/test-kit";
import { Room } from "./room.js";
import { Eyes, Watching } from "./watching.js";

const SMALL = { width: 320, height: 180, fps: 25, bitrateKbps: 400, gopSeconds: 1, preset: "ultrafast" };

let room: Room;
beforeAll(async () => {
  room = await Room.open();
  await mkdir(room.media, { recursive: true });
  await room.startAgent();
});
afterAll(() => room.close());

test("an operator watches what goes out, about a second behind, without another encode", async () => {
  const line = {
    id: "flash",
    heightPercent: 40,
    color: "#ffffff",
    box: "#ffffff",
    boxOpacity: 1,
    xPercent: 50,
    yPercent: 50,
  };
  const { id } = await room.submit({
    inlineConfig: { source: { type: "test", pattern: "smptebars" }, video: SMALL, overlay: { lines: [line] } },
  });
  await room.until(id, "RUNNING");
  const askedAt = performance.now();
  const first = await Watching.open(room, id);
  await first.got(1);
  const firstMs = performance.now() - askedAt;
  const file = join(room.media, "seen.ts");
  await writeFile(file, await first.collect(3000));
  const media = await ffprobe(file);
  expect(streamOf(media, "video")).toMatchObject({ codec_name: "h264", width: 320, height: 180 });
  expect(streamOf(media, "audio")).toMatchObject({ codec_name: "aac" });
  const packets = await videoPackets(file);
  expect(packets[0]).toMatchObject({ key: true });
  expect(packets.length).toBeGreaterThan(50);
  expect(Math.max(...frameDistances(packets))).toBeLessThan(0.1);

  // The second one begins with what is there, and has not to wait for a keyframe.
  const joinedAt = performance.now();
  const second = await Watching.open(room, id);
  await second.got(1);
  const secondMs = performance.now() - joinedAt;

  // From the moment at which a picture was changed at the encoder's input to the one at which a viewer has it decoded.
  const eyes = new Eyes(second);
  await waitFor(() => eyes.pictures.length > 25 || undefined, { what: "decoded pictures" });
  const before = eyes.pictures.at(-1)?.brightness ?? 0;
  const changedAt = performance.now();
  const answer = await room.call(`/v1/jobs/${id}/overlay`, {
    ...{ method: "PUT", headers: { "Content-Type": "application/json" } },
    body: JSON.stringify({ texts: { flash: "MMMM" } }),
  });
  expect(answer.status).toBe(200);
  const flash = await waitFor(
    () => eyes.pictures.find(({ brightness, at }) => at > changedAt && brightness > before + 15),
    { everyMs: 5, what: "the change to be seen" },
  );
  const delayMs = flash.at - changedAt;
  process.stdout.write(
    `first bytes after ${Math.round(firstMs)} ms, for the second viewer after ${Math.round(secondMs)} ms; ` +
      `from a change of the picture to its decoding by a viewer ${Math.round(delayMs)} ms\n`,
  );
  expect(delayMs).toBeLessThan(5000);
  eyes.close();
  first.close();
  second.close();
  await room.stop(id);
}, 120_000);

test("who does not read is dropped, and the stream's own destinations notice nothing", async () => {
  const noise = join(room.media, "noise.mp4");
  const encode = ["-c:v", "libx264", "-preset", "ultrafast", "-b:v", "8000k", "-pix_fmt", "yuv420p", "-c:a", "aac"];
  const inputs = ["color=s=320x180:r=25,noise=alls=80:allf=t", "sine"].flatMap((input) => ["-f", "lavfi", "-i", input]);
  await ffmpeg([...inputs, "-t", "4", ...encode, noise]);
  const { id } = await room.submit({
    inlineConfig: {
      source: { type: "file", path: noise, loop: true },
      destinations: [
        { type: "file", path: "recorded.ts" },
        { type: "hls", path: "live" },
      ],
      video: { ...SMALL, bitrateKbps: 16_000 },
    },
  });
  await room.until(id, "RUNNING");
  const [slow, quick] = [await Watching.open(room, id), await Watching.open(room, id)];
  await Promise.all([slow.got(1), quick.got(1)]);
  slow.socket.pause();
  const pausedAt = performance.now();
  // More than every buffer on the way can hold, and for longer than a page may take nothing.
  await waitFor(() => (quick.size > 40_000_000 && performance.now() > pausedAt + 20_000) || undefined, {
    ...{ deadlineMs: 120_000, what: "40 MB and 20 s" },
  });
  slow.socket.resume();
  expect((await slow.closed).code).not.toBe(1000);
  expect(slow.size).toBeLessThan(0.7 * quick.size);
  expect(quick.socket.readyState).toBe(quick.socket.OPEN);
  await room.stop(id);
  expect(await quick.closed).toMatchObject({ code: 1000 });
  const recorded = await videoPackets(join(room.media, "recorded.ts"));
  expect(Math.max(...frameDistances(recorded))).toBeLessThan(0.2);
}, 180_000);

test("a viewer is told when the agent goes away, and watches on when it is back", async () => {
  const { id } = await room.submit({ inlineConfig: { source: { type: "test" }, video: SMALL } });
  await room.until(id, "RUNNING");
  const viewer = await Watching.open(room, id);
  await viewer.got(1000);
  await room.killAgent();
  expect(await viewer.closed).toMatchObject({ code: 1013, reason: expect.stringContaining("come back") });
  const away = await Watching.open(room, id);
  expect(await away.closed).toMatchObject({ code: 1013, reason: expect.stringContaining("agent is away") });
  // Its runner went on, and gives the stream to the next agent.
  await room.startAgent();
  await room.until(id, "RUNNING");
  const again = await Watching.open(room, id);
  await again.got(1000);
  await room.stop(id);
  expect(await again.closed).toMatchObject({ code: 1000 });
}, 120_000);
