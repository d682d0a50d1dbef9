import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type RtmpServer, startRtmpServer, waitFor } from "@stream-control/test-kit";
import { Room } from "./room.js";

const SMALL = { width: 320, height: 180, fps: 25, bitrateKbps: 300, preset: "ultrafast" };

describe("an agent in production", () => {
  let room: Room;
  let rtmp: RtmpServer;

  beforeAll(async () => {
    [room, rtmp] = await Promise.all([Room.open(), startRtmpServer()]);
    await mkdir(join(room.media, "in"), { recursive: true });
    await writeFile(room.folder.file("outside.mp4"), "not for jobs");
    await symlink(room.folder.path, join(room.media, "way-out"));
    await room.startAgent("careful", { NODE_ENV: "production", ALLOW_WEAK_AGENT_TOKEN: "true" });
  });
  afterAll(async () => {
    await room.close();
    await rtmp.close();
  });

  const failed = async (inlineConfig: object) => {
    const { id } = await room.submit({ inlineConfig: { video: SMALL, ...inlineConfig }, restartPolicy: "onFailure" });
    return room.until(id, "FAILED", 20_000);
  };
  const recording = { type: "file", path: "recording.mp4" };

  it.each([
    ["http://127.0.0.1:1/", "this machine"],
    ["http://localhost:1/", "this machine by name"],
    ["rtmp://169.254.169.254/live/key", "its cloud"],
  ])("does not fetch from %s, %s, and the job is not tried again", async (url) => {
    const type = url.startsWith("http") ? "http" : "rtmp";
    const job = await failed({ source: { type, url }, destinations: [recording] });
    expect(job).toMatchObject({ error: { code: "SOURCE_REFUSED" }, reason: { fault: "config" }, restarts: 0 });
  });

  it("does not push to this machine, not even from a live job", async () => {
    const push = { type: "rtmp", id: "push", url: rtmp.url("never") };
    expect(await failed({ source: { type: "test" }, destinations: [push] })).toMatchObject({
      error: { code: "DESTINATION_REFUSED" },
      reason: { fault: "config" },
      restarts: 0,
    });
    const { id } = await room.submit({
      inlineConfig: { source: { type: "test" }, destinations: [recording], video: SMALL },
    });
    await room.until(id, "RUNNING");
    for (const [path, body] of [
      ["destinations", { destination: push }],
      ["input", { source: { type: "rtmp", url: rtmp.url("never") } }],
    ] as const) {
      const response = await room.post(`/v1/jobs/${id}/${path}`, body);
      expect([path, response.status]).toEqual([path, 422]);
      expect(await response.json()).toMatchObject({
        code: "AGENT_REFUSED",
        error: expect.stringContaining("127.0.0.1"),
      });
    }
    await room.stop(id);
    expect(rtmp.published).toEqual([]);
  });

  it.each([
    "/etc/passwd",
    "../outside.mp4",
    "in/../../outside.mp4",
    "way-out/outside.mp4",
    "..\\outside.mp4",
    "C:\\outside.mp4",
    "in/..\\..\\outside.mp4",
  ])("reads nothing but what is below its folders: %s", async (path) => {
    const job = await failed({ source: { type: "file", path }, destinations: [recording] });
    expect(job).toMatchObject({ error: { code: "CONFIG_INVALID" }, restarts: 0 });
    expect(job.error?.message).toMatch(/must lie below|no such file/);
  });

  it.each(["/tmp-elsewhere/a.mp4", "../a.mp4", "in/../../a.mp4", "way-out/a.mp4", "way-out/new/a.mp4"])(
    "writes nothing but below its folders: %s",
    async (path) => {
      const before = await readdir(room.folder.path);
      const job = await failed({ source: { type: "test" }, destinations: [{ type: "file", path }] });
      expect(job).toMatchObject({ error: { code: "CONFIG_INVALID" }, restarts: 0 });
      expect(await readdir(room.folder.path)).toEqual(before);
    },
  );

  it("takes no protocol that is not on its list, and the orchestrator none that nobody knows", async () => {
    for (const url of [
      "file:///etc/passwd",
      "gopher://127.0.0.1/",
      "concat:/etc/passwd|/etc/group",
      "httpproxy://h/",
    ]) {
      const inlineConfig = { source: { type: "http", url }, destinations: [recording] };
      expect((await room.post("/v1/jobs", { inlineConfig })).status).toBe(422);
    }
  });

  it("reaches what its owner names", async () => {
    await room.killAgent("careful");
    await waitFor(async () => (await room.agents())[0]?.state === "OFFLINE");
    await room.startAgent("told", {
      NODE_ENV: "production",
      ALLOW_WEAK_AGENT_TOKEN: "true",
      ALLOWED_NETWORKS: "127.0.0.1",
    });
    const destinations = [{ type: "rtmp", url: rtmp.url("told") }];
    const { id } = await room.submit({ inlineConfig: { source: { type: "test" }, destinations, video: SMALL } });
    await waitFor(() => rtmp.live.has("/live/told"), { what: "the publication" });
    await room.stop(id);
  });
});
