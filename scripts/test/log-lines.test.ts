import { describe, expect, test } from "@jest/globals";
import { formatLogLine, lineSplitter } from "../lib/log-lines.mjs";

const time = new Date(2026, 10, 20, 9, 5, 7).getTime();
const entry = (fields: object) => JSON.stringify({ time, pid: 1, hostname: "h", name: "agent", ...fields });

describe("a service's log on the terminal", () => {
  test("leaves calm lines to the log file", () => {
    expect(formatLogLine("agent", entry({ level: 30, msg: "connected" }))).toBeUndefined();
    expect(formatLogLine("agent", "")).toBeUndefined();
  });

  test("shows warnings and errors with their fields on one line", () => {
    expect(formatLogLine("agent", entry({ level: 40, msg: "reconnecting", delayMs: 250, url: "ws://a:1/agent" }))).toBe(
      "09:05:07 agent WARN reconnecting delayMs=250 url=ws://a:1/agent",
    );
    const err = { type: "Error", message: "broken pipe", stack: "Error: broken pipe\n  at x" };
    expect(formatLogLine("agent", entry({ level: 50, msg: "job failed", err }))).toBe(
      '09:05:07 agent ERROR job failed err="broken pipe"',
    );
  });

  test("shows what is not a log line, such as a crash", () => {
    expect(formatLogLine("agent", "Error: no such module")).toBe("agent: Error: no such module");
    expect(formatLogLine("agent", "{ half a line")).toBe("agent: { half a line");
  });

  test("shows calm lines too where they are asked for", () => {
    expect(formatLogLine("agent", entry({ level: 30, msg: "connected" }), { all: true })).toBe(
      "09:05:07 agent INFO connected",
    );
  });

  test("keeps control characters from the terminal", () => {
    expect(formatLogLine("agent", "a\u001b[2Jb")).toBe("agent: a�[2Jb");
    expect(formatLogLine("agent", entry({ level: 50, msg: "x\u0007", a: "\u001b[2J" }))).not.toMatch(/\p{Cc}/u);
  });
});

describe("cutting text into lines", () => {
  test("joins what arrives in pieces, and gives out the rest at the end", () => {
    const lines: string[] = [];
    const splitter = lineSplitter((line) => lines.push(line));
    for (const piece of ["on", "e\ntwo\n\nth", "ree"]) splitter.push(piece);
    expect(lines).toEqual(["one", "two", ""]);
    splitter.end();
    splitter.end();
    expect(lines).toEqual(["one", "two", "", "three"]);
  });
});
