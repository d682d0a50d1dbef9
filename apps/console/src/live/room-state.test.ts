import { expect, test } from "@jest/globals";
import { aJob, anAgent } from "../../test/records.js";
import { applyMessages, EMPTY_ROOM, eventsAmong, type RoomMessage } from "./room-state.js";

const jobs = (payload: unknown, seq?: number): RoomMessage =>
  ({ type: "ui.job.update", payload, ...(seq === undefined ? {} : { seq }) }) as RoomMessage;

test("an array replaces its list, an object replaces or adds the entry with its id", () => {
  const first = applyMessages(EMPTY_ROOM, [
    { type: "ui.agent.update", payload: [anAgent()] },
    jobs([aJob(), aJob({ id: "job-2" })], 7),
  ]);
  expect([...first.jobs.keys()]).toEqual(["job-1", "job-2"]);
  expect(first).toMatchObject({ seq: 7, complete: true });
  const second = applyMessages(first, [
    jobs(aJob({ id: "job-2", status: "STOPPED" }), 8),
    jobs(aJob({ id: "job-3" }), 9),
  ]);
  expect([...second.jobs.values()].map(({ id, status }) => `${id} ${status}`)).toEqual([
    "job-1 RUNNING",
    "job-2 STOPPED",
    "job-3 RUNNING",
  ]);
  // What did not change is the same object, so that nothing is drawn for it.
  expect(second.jobs.get("job-1")).toBe(first.jobs.get("job-1"));
  expect(second.agents).toBe(first.agents);
  expect([...applyMessages(second, [jobs([aJob({ id: "job-9" })])]).jobs.keys()]).toEqual(["job-9"]);
});

test("measurements become a trend, each counted once, and dropped frames are told by how many were added", () => {
  const measured = (second: number, droppedFrames: number) =>
    jobs(
      aJob({
        progress: { fps: 30, bitrateKbps: 100 * second, droppedFrames, measuredAt: `2026-01-01T00:00:0${second}.000Z` },
      }),
    );
  const room = applyMessages(EMPTY_ROOM, [measured(1, 5), measured(2, 9), measured(2, 9), measured(3, 1)]);
  expect(room.trends.get("job-1")).toMatchObject({
    fps: [30, 30, 30],
    bitrateKbps: [100, 200, 300],
    dropped: [0, 4, 0],
  });
});

test("pictures and trends of jobs that are gone are forgotten; an unknown message changes nothing", () => {
  const picture: RoomMessage = { type: "ui.job.snapshot", payload: { jobId: "job-1", takenAt: "now" } };
  const room = applyMessages(EMPTY_ROOM, [jobs([aJob()]), picture]);
  expect(room.pictures.get("job-1")).toBe("now");
  expect(applyMessages(room, [jobs([])]).pictures.size).toBe(0);
  const later = { type: "ui.something.new", payload: {} } as unknown as RoomMessage;
  expect(applyMessages(room, [later])).toEqual(room);
  const event = { jobId: "job-1", type: "job.running", message: "It runs.", ts: "now" };
  expect(eventsAmong([later, { type: "ui.job.event", payload: event }])).toEqual([event]);
});
