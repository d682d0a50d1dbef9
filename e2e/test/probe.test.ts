import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { probeReplySchema } from "@stream-control/protocol";
import { filesWith, REFUSING_PORT, type RtmpServer, secret, startRtmpServer, waitFor } from "@stream-control/test-kit";
import { Room } from "./room.js";

let room: Room;
let rtmp: RtmpServer;
beforeEach(async () => {
  [room, rtmp] = await Promise.all([Room.open(), startRtmpServer()]);
});
afterEach(async () => {
  await room.close();
  await rtmp.close();
});

test("an encoder's stream is checked before a job is made of it, and so is the lack of one", async () => {
  await room.startAgent();
  const key = secret("stream-key");
  const encoder = spawn(
    "ffmpeg",
    [
      ...["-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=s=640x360:r=25", "-f", "lavfi", "-i", "sine=r=48000"],
      ...["-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac"],
      ...["-f", "flv", rtmp.url(key)],
    ],
    { stdio: "ignore" },
  );
  const ended = once(encoder, "exit");
  try {
    await waitFor(() => rtmp.live.has(`/live/${key}`), { what: "the encoder's stream" });
    const seen = await room.post("/v1/probe", { source: { type: "rtmp", url: rtmp.url(key) } });
    expect(seen.status).toBe(200);
    const { agentId, probe } = probeReplySchema.parse(await seen.json());
    expect(agentId).toBe("encoder-1");
    expect(probe.container).toBe("flv");
    expect(probe.streams.find(({ type }) => type === "video")).toMatchObject({
      ...{ codec: "h264", width: 640, height: 360, fps: 25 },
    });
    expect(probe.streams.find(({ type }) => type === "audio")).toMatchObject({ codec: "aac", sampleRateHz: 48_000 });

    const url = `rtmp://127.0.0.1:${REFUSING_PORT}/live/${key}`;
    const refused = await room.post("/v1/agents/encoder-1/probe", { source: { type: "rtmp", url } });
    expect(refused.status).toBe(422);
    const text = await refused.text();
    expect(JSON.parse(text)).toMatchObject({
      code: "SOURCE_UNREADABLE",
      error: "The source could not be opened: the connection was refused.",
    });
    expect(text).not.toContain(key);
    expect(await room.logs()).not.toContain(key);
    // What hid the key from the machine's other users is gone with the look.
    expect(await filesWith(room.folder.path, [key])).toEqual([]);
  } finally {
    encoder.kill("SIGKILL");
    await ended;
  }
});

test("an agent that went away is not waited for", async () => {
  await room.startAgent();
  await room.killAgent();
  await waitFor(async () => (await room.agents())[0]?.state === "OFFLINE", { what: "the agent's absence" });
  const answer = await room.post("/v1/agents/encoder-1/probe", { source: { type: "file", path: "a.mp4" } });
  expect([answer.status, await answer.json()]).toEqual([409, expect.objectContaining({ code: "AGENT_OFFLINE" })]);
});
