import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { ffprobe, type RtmpServer, startRtmpServer, streamOf, waitFor } from "@stream-control/test-kit";
import { Room } from "./room.js";

const SMALL = { width: 320, height: 180, fps: 25, bitrateKbps: 300, preset: "ultrafast" };

let room: Room;
let rtmp: RtmpServer;
beforeEach(async () => {
  [room, rtmp] = await Promise.all([Room.open(), startRtmpServer()]);
  await room.startAgent();
});
afterEach(async () => {
  await room.close();
  await rtmp.close();
});

test("a stream begins and ends at its times, though the orchestrator is killed while it waits", async () => {
  const startAt = new Date(Date.now() + 4000).toISOString();
  const { id, pendingReason } = await room.submit({
    inlineConfig: {
      source: { type: "test" },
      destinations: [
        { type: "rtmp", url: rtmp.url("show") },
        { type: "file", path: "show.mp4" },
      ],
      video: SMALL,
    },
    schedule: { startAt, stopAfterMinutes: 0.05 },
  });
  expect(pendingReason).toContain(startAt);
  await room.killOrchestrator();
  await room.startOrchestrator();
  await waitFor(() => rtmp.live.has("/live/show"), { deadlineMs: 40_000, what: "the publication" });
  const [session] = rtmp.sessions;
  expect(session?.since).toBeGreaterThanOrEqual(Date.parse(startAt));
  const { startedAt } = await room.until(id, "RUNNING");
  await room.until(id, "STOPPED");
  await waitFor(() => !rtmp.live.has("/live/show"), { what: "the end of the publication" });
  const stopping = (await room.events(id)).find(({ type }) => type === "job.stopping");
  expect(stopping).toMatchObject({ message: "The job was to run for 0.05 minutes." });
  expect(Date.parse(stopping?.ts ?? "") - Date.parse(startedAt ?? "")).toBeGreaterThanOrEqual(3000);
  // It was ended as by an operator: the recording is whole.
  const recording = await ffprobe(`${room.media}/show.mp4`);
  expect(streamOf(recording, "video")).toMatchObject({ codec_name: "h264" });
  expect(Number(recording.format.duration)).toBeGreaterThan(2);
});
