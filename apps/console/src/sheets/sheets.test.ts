import { expect, test } from "@jest/globals";
import { nextScore } from "./next-score.js";

test("a score goes up and down by one, never below nothing, and begins at nothing", () => {
  expect([nextScore("", 1), nextScore("3", 1), nextScore("3", -1), nextScore("0", -1), nextScore("W", 1)]).toEqual([
    ...["1", "4", "2", "0", "1"],
  ]);
});
