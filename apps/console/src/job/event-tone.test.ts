import { expect, test } from "@jest/globals";
import type { JobEvent } from "@stream-control/protocol";
import { attemptsOf, toneOfEvent } from "./event-tone.js";

const event = (type: string, ts: string, data?: JobEvent["data"]): JobEvent => ({
  jobId: "job-1",
  type,
  message: `It is ${type}.`,
  ts,
  ...(data === undefined ? {} : { data }),
});

test("events are coloured by what they mean for the stream", () => {
  const tones = [
    "job.failed",
    "stream.source_lost",
    "stream.source_back",
    "stream.destination_retrying",
    "job.muted",
    "job.unmuted",
    "job.created",
    "stream.alarm_raised",
    "stream.alarm_cleared",
  ];
  expect(tones.map((type) => toneOfEvent({ type }))).toEqual([
    "bad",
    "bad",
    "good",
    "warn",
    "warn",
    "good",
    "idle",
    "bad",
    "good",
  ]);
});

test("each assignment is a try, with its agent and how it ended", () => {
  const events = [
    event("job.created", "t0"),
    event("job.assigned", "t1", { agentId: "a", epoch: 1 }),
    event("job.running", "t2"),
    event("stream.restart_queued", "t3"),
    event("job.assigned", "t4", { agentId: "b", epoch: 2 }),
  ];
  expect(attemptsOf(events)).toEqual([
    { epoch: 1, agentId: "a", from: "t1", until: "t3", outcome: "It is stream.restart_queued." },
    { epoch: 2, agentId: "b", from: "t4", until: null, outcome: "running" },
  ]);
});
