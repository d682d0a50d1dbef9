import { describe, expect, test } from "@jest/globals";
import { GroupCommit } from "../src/index.js";

/** Transactions that keep a list of what was committed, and can be held open or made to fail. */
class Journal {
  readonly committed: string[][] = [];
  begun = 0;
  hold: Promise<void> | undefined;
  failCommits = false;

  run = async <T>(work: (tx: string[]) => Promise<T>): Promise<T> => {
    this.begun += 1;
    const lines: string[] = [];
    const result = await work(lines);
    await this.hold;
    if (this.failCommits) throw new Error("disk full");
    this.committed.push(lines);
    return result;
  };
}

const say = (line: string) => async (tx: string[]) => {
  tx.push(line);
  return line;
};

describe("grouped commits", () => {
  test("many writers share one commit, in their order", async () => {
    const journal = new Journal();
    const commits = new GroupCommit<string[]>(journal.run);
    const lines = Array.from({ length: 50 }, (_, n) => `${n}`);
    expect(await Promise.all(lines.map((line) => commits.write(say(line))))).toEqual(lines);
    expect(journal.committed.flat()).toEqual(lines);
    expect(journal.begun).toBeLessThanOrEqual(2);
  });

  test("a promise settles only after the commit that holds its operation", async () => {
    const journal = new Journal();
    const gate = Promise.withResolvers<void>();
    journal.hold = gate.promise;
    const commits = new GroupCommit<string[]>(journal.run);
    const ran = Promise.withResolvers<void>();
    let settled = false;
    const write = commits
      .write(async (tx: string[]) => {
        tx.push("x");
        ran.resolve();
      })
      .then(() => {
        settled = true;
      });
    await ran.promise;
    // A turn of the event loop is more than any settled promise would need.
    await new Promise<void>((resolve) => setImmediate(resolve));
    expect(settled).toBe(false);
    gate.resolve();
    await write;
    expect(journal.committed).toEqual([["x"]]);
  });

  test("an operation that throws fails alone; the others are committed once and keep their order", async () => {
    const journal = new Journal();
    const commits = new GroupCommit<string[]>(journal.run);
    const results = await Promise.allSettled([
      commits.write(say("a")),
      commits.write(async () => {
        throw new Error("mine");
      }),
      commits.write(say("b")),
      commits.write(() => {
        throw new Error("thrown at once");
      }),
      commits.write(say("c")),
    ]);
    expect(results.map((result) => (result.status === "fulfilled" ? result.value : result.reason.message))).toEqual([
      "a",
      "mine",
      "b",
      "thrown at once",
      "c",
    ]);
    expect(journal.committed.flat()).toEqual(["a", "b", "c"]);
  });

  test("a commit that fails rejects what it held, and later writes go on", async () => {
    const journal = new Journal();
    journal.failCommits = true;
    const commits = new GroupCommit<string[]>(journal.run);
    const results = await Promise.allSettled([commits.write(say("a")), commits.write(say("b"))]);
    expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    journal.failCommits = false;
    expect(await commits.write(say("c"))).toBe("c");
    expect(journal.committed.flat()).toEqual(["c"]);
  });

  test("a write that comes during a commit is in the next one, and idle waits for it", async () => {
    const journal = new Journal();
    const gate = Promise.withResolvers<void>();
    journal.hold = gate.promise;
    const commits = new GroupCommit<string[]>(journal.run);
    const first = commits.write(say("first")).then(() => commits.write(say("third")));
    const second = commits.write(async (tx) => {
      tx.push("second");
      commits.write(say("late")).catch(() => undefined);
    });
    gate.resolve();
    await Promise.all([first, second]);
    await commits.idle();
    expect(journal.committed.flat().toSorted()).toEqual(["first", "late", "second", "third"]);
  });
});
