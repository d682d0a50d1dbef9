import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { measurementsSchema } from "@stream-control/protocol";
import { waitFor } from "@stream-control/test-kit";
import { Room } from "./room.js";

const SMALL = { width: 320, height: 180, fps: 15, bitrateKbps: 300, gopSeconds: 1, preset: "ultrafast" };

let room: Room;
beforeAll(async () => {
  room = await Room.open();
  await room.startAgent();
});
afterAll(() => room.close());

test("an operator sees the picture of a stream change, its sound, a mute, and how busy the agent is", async () => {
  const { id } = await room.submit({
    inlineConfig: { source: { type: "test" }, video: SMALL, monitoring: { pictureMs: 500 } },
  });
  await room.until(id, "RUNNING");
  const picture = async () => {
    const answer = await room.call(`/v1/jobs/${id}/snapshot`);
    return answer.ok ? Buffer.from(await answer.arrayBuffer()).toString("base64") : undefined;
  };
  const first = await waitFor(picture, { what: "a picture" });
  expect(first.startsWith("/9j/")).toBe(true);
  await waitFor(async () => (await picture()) !== first, { what: "another picture" });

  const peak = async () => Math.max(...((await room.job(id)).progress?.audio?.peaksDbfs.flat() ?? [Number.NaN]));
  await waitFor(async () => (await peak()) > -40, { what: "sound" });
  await room.post(`/v1/jobs/${id}/mute`);
  await waitFor(async () => (await peak()) < -90, { what: "silence" });
  await room.post(`/v1/jobs/${id}/unmute`);
  await waitFor(async () => (await peak()) > -40, { what: "sound again" });

  const chart = measurementsSchema.parse(await (await room.call(`/v1/jobs/${id}/measurements`)).json());
  const measured = chart.samples.filter((sample) => sample !== null);
  expect(measured.length).toBeGreaterThan(2);
  expect(Math.max(...measured.map(({ fpsMax }) => fpsMax ?? 0))).toBeGreaterThan(10);
  expect(measured.some(({ peakDbfs, onAir }) => onAir === "program" && (peakDbfs ?? -120) > -40)).toBe(true);

  const { load } = await waitFor(async () =>
    (await room.agents()).find((agent) => agent.load?.cpuPercent !== undefined),
  );
  expect(load).toMatchObject({ memoryTotalMiB: expect.any(Number), networkTxKbps: expect.any(Number) });
  await room.stop(id);
  expect((await room.call(`/v1/jobs/${id}/snapshot`)).status).toBe(404);
}, 120_000);
