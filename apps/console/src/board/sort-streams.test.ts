import { expect, test } from "@jest/globals";
import { aJob } from "../../test/records.js";
import { sortStreams } from "./sort-streams.js";

const ALL = { words: "", problemsOnly: false };
const NOW = Date.parse("2026-01-02T12:00:00.000Z");
const titled = (id: string, title: string, fields = {}) => aJob({ id, streamMetadata: { title }, ...fields });

test("streams keep their place, by what they are called, whatever happens to them", () => {
  const jobs = [titled("1", "Sheet 10"), titled("2", "Sheet 2"), titled("3", "Sheet 1", { status: "PENDING" })];
  expect(sortStreams(jobs, ALL, NOW)).toEqual({ open: ["3", "2", "1"], failed: [], renders: [] });
});

test("what failed lately stays to be seen, the newest first, until it is dismissed or a day old", () => {
  const failed = (id: string, endedAt: string, fields = {}) => titled(id, id, { status: "FAILED", endedAt, ...fields });
  const jobs = [
    failed("older", "2026-01-02T10:00:00.000Z"),
    failed("newer", "2026-01-02T11:00:00.000Z"),
    failed("yesterday", "2026-01-01T11:00:00.000Z"),
    failed("dismissed", "2026-01-02T11:30:00.000Z", { dismissedAt: "2026-01-02T11:31:00.000Z" }),
    titled("stopped", "stopped", { status: "STOPPED" }),
  ];
  expect(sortStreams(jobs, ALL, NOW)).toEqual({ open: [], failed: ["newer", "older"], renders: [] });
});

test("all words must occur, and problems can be looked at alone", () => {
  const jobs = [
    titled("1", "Tournament A", { streamContext: { context: "x", team1: "Alpha", team2: "Beta" } }),
    titled("2", "Tournament B", { progress: { alarms: ["black"] } }),
  ];
  expect(sortStreams(jobs, { ...ALL, words: "tournament ALPHA" }, NOW).open).toEqual(["1"]);
  expect(sortStreams(jobs, { ...ALL, problemsOnly: true }, NOW).open).toEqual(["2"]);
});

test("renders stand apart from streams while they are under way, and leave the board when they have ended", () => {
  const render = (id: string, fields = {}) =>
    titled(id, `Render ${id}`, { inlineConfig: { kind: "render" }, ...fields });
  const jobs = [render("film"), render("broken", { status: "FAILED", endedAt: "2026-01-02T11:00:00.000Z" })];
  expect(sortStreams(jobs, ALL, NOW)).toEqual({ open: [], failed: [], renders: ["film"] });
  expect(sortStreams(jobs, { ...ALL, words: "render film" }, NOW).renders).toEqual(["film"]);
});
