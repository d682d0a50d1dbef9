import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { Alarms } from "./alarms.js";

const DAY_MS = 86_400_000;
let called: string[];
let alarms: Alarms;
beforeEach(() => {
  jest.useFakeTimers({ now: 0 });
  called = [];
  alarms = new Alarms(() => new Date());
});
afterEach(() => {
  alarms.stop();
  jest.useRealTimers();
});
const set = (id: string, atMs: number) => alarms.set(id, atMs, () => called.push(`${id} ${Date.now()}`));

test("an alarm that is farther away than a timer of Node can wait comes at its moment", () => {
  set("far", 40 * DAY_MS);
  jest.advanceTimersByTime(40 * DAY_MS - 1);
  expect(called).toEqual([]);
  jest.advanceTimersByTime(1);
  expect(called).toEqual([`far ${40 * DAY_MS}`]);
});

test("a clock that is set moves what is to come", () => {
  set("soon", 30_000);
  set("later", DAY_MS);
  // An hour back: what was to come in half a minute comes in an hour and a half minute.
  jest.setSystemTime(-3_600_000);
  jest.advanceTimersByTime(60_000);
  expect(called).toEqual([]);
  jest.setSystemTime(DAY_MS);
  jest.advanceTimersByTime(60_000);
  expect(called.map((call) => call.split(" ")[0]).sort()).toEqual(["later", "soon"]);
});

test("a thing has one alarm, and none once it is cleared or everything is stopped", () => {
  set("one", 1000);
  set("one", 2000);
  set("two", 1000);
  alarms.clear("two");
  set("past", -5);
  expect(called).toEqual([]);
  jest.advanceTimersByTime(2000);
  expect(called).toEqual(["past 0", "one 2000"]);
  set("three", 5000);
  alarms.stop();
  set("four", 5000);
  jest.advanceTimersByTime(DAY_MS);
  expect(called).toHaveLength(2);
});
