import { expect, test } from "@jest/globals";
import type { Progress } from "@stream-control/protocol";
import { aJob } from "../../test/records.js";
import { healthOf } from "./health.js";

const running = (progress: Progress, streamMetadata = {}) => healthOf(aJob({ progress, streamMetadata }));

test("a stream that runs well is green, and says so", () => {
  expect(healthOf(aJob())).toEqual({ tone: "good", words: ["Everything is fine."] });
  expect(healthOf(aJob({ progress: null })).tone).toBe("good");
});

test("what viewers get is judged by what is worst, and everything is said", () => {
  expect(running({ onAir: "slate", alarms: ["silent", "frozen"] })).toEqual({
    tone: "bad",
    words: ["The source is lost; the slate is on air."],
  });
  expect(running({ alarms: ["silent", "black"] })).toEqual({
    tone: "bad",
    words: ["The picture is black.", "There is no sound."],
  });
  expect(running({ onAir: "backup" }).tone).toBe("warn");
  expect(running({ speed: 0.7 })).toEqual({ tone: "warn", words: ["The encoder runs at 0.70× real time."] });
});

test("one destination of several that reconnects is amber, the only one is red", () => {
  const retrying = { id: "youtube", type: "rtmp", state: "RETRYING", message: "refused" } as const;
  const live = { id: "record", type: "file", state: "LIVE" } as const;
  expect(running({ destinations: [retrying, live] })).toEqual({
    tone: "warn",
    words: ["Reconnecting: youtube — refused"],
  });
  expect(running({ destinations: [retrying] }).tone).toBe("bad");
  expect(running({ destinations: [{ ...retrying, state: "FAILED" }, live] }).tone).toBe("bad");
});

test("what an operator has done is amber, so that it is not forgotten", () => {
  expect(running({ onAir: "paused", alarms: ["frozen"] }, { isPaused: true, isMuted: true })).toEqual({
    tone: "warn",
    words: ["Paused: the holding picture is on air.", "Muted."],
  });
});

test("what does not run says why", () => {
  expect(healthOf(aJob({ status: "PENDING", pendingReason: "No agent is free." })).words).toEqual([
    "No agent is free.",
  ]);
  expect(healthOf(aJob({ status: "UNKNOWN" })).tone).toBe("bad");
  expect(healthOf(aJob({ status: "FAILED", error: { code: "X", message: "It broke." } }))).toEqual({
    tone: "bad",
    words: ["It broke."],
  });
  expect(healthOf(aJob({ status: "STOPPED" })).tone).toBe("idle");
});

test("what waits for its time is not in trouble, and says when that is", () => {
  const schedule = { startAt: "2026-01-02T10:00:00.000Z", stopAt: null, stopAfterMinutes: null };
  const job = aJob({ status: "PENDING", pendingReason: "It waits.", schedule });
  const before = healthOf(job, Date.parse("2026-01-02T09:00:00.000Z"));
  expect(before).toEqual({ tone: "idle", words: [expect.stringMatching(/^Starts .*2026/)] });
  expect(healthOf(job, Date.parse("2026-01-02T10:00:01.000Z")).words).toEqual(["It waits."]);
});
