import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { streamConfigSchema } from "@stream-control/protocol";
import { ffmpeg, type TemporaryFolder, temporaryFolder } from "@stream-control/test-kit";
import { programArguments, slateArguments, TsAligner, TsUnitReader } from "../src/index.js";

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

/** The parameter sets in front of an encode's first picture, and the header of its first sound. */
async function headersOf(args: readonly string[]): Promise<{ picture: string; sound: string }> {
  const child = spawn("ffmpeg", args, { stdio: ["pipe", "pipe", "ignore", "ignore", "ignore"] });
  const aligner = new TsAligner();
  const reader = new TsUnitReader();
  const found: { picture?: string; sound?: string } = {};
  if (child.stdout === null) throw new Error("ffmpeg has no output pipe.");
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    for (const unit of aligner.push(chunk).flatMap((run) => reader.push(run))) {
      const payload = payloadOf(unit.data);
      if (unit.kind === "video")
        found.picture ??= payload.subarray(0, payload.indexOf(Buffer.from([0, 0, 1, 0x65]))).toString("hex");
      // What an ADTS header says of the sound, before the length of the frame.
      else found.sound ??= payload.subarray(0, 3).toString("hex");
    }
    if (found.picture !== undefined && found.sound !== undefined) break;
  }
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
  return { picture: found.picture ?? "", sound: found.sound ?? "" };
}

/** What the packets of a unit carry, without their headers and that of the unit. */
function payloadOf(data: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < data.length; at += 188) {
    const packet = data.subarray(at, at + 188);
    parts.push(packet.subarray((packet.readUInt8(3) & 0x20) === 0 ? 4 : 5 + packet.readUInt8(4)));
  }
  const whole = Buffer.concat(parts);
  return whole.subarray(9 + whole.readUInt8(8));
}

test("every encode of a job has the same headers, whatever its source says of itself", async () => {
  const odd = folder.file("odd.mp4");
  await ffmpeg([
    ...["-f", "lavfi", "-i", "testsrc2=s=300x200:r=24", "-f", "lavfi", "-i", "sine=sample_rate=22050", "-t", "2"],
    ...["-vf", "setsar=4/3,format=yuvj422p", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-c:a", "aac"],
    ...["-ac", "1", "-colorspace", "smpte170m", "-color_primaries", "smpte170m", "-color_trc", "smpte170m", odd],
  ]);
  const config = streamConfigSchema.parse({
    source: { type: "test" },
    destinations: [{ type: "rtmp", url: "rtmp://h/live/key" }],
    video: { width: 320, height: 180, fps: 25, bitrateKbps: 400 },
    sourceLoss: { frozenMs: 5000, silentMs: 5000 },
  });
  const options = { videoEncoder: "libx264", muted: false };
  const both = { hasVideo: true, hasAudio: true };
  const wanted = await headersOf(programArguments(config, { ...options, ...both }));
  expect(wanted.picture).toContain("00000167");
  expect(wanted.sound).toMatch(/^fff/);
  const others = [
    programArguments(
      { ...config, source: { type: "file", path: odd, loop: true } },
      { ...options, ...both, monitored: true },
    ),
    slateArguments(config, { kind: "color", color: "#00ff00" }, options),
    slateArguments(config, { kind: "video", path: odd }, { ...options, facts: both }),
  ];
  for (const args of others) expect(await headersOf(args)).toEqual(wanted);
});
