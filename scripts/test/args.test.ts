import { describe, expect, test } from "@jest/globals";
import { parseTestArgs } from "../lib/args.mjs";

describe("the arguments of `pnpm test`", () => {
  test("none choose everything", () => {
    expect(parseTestArgs([])).toEqual({ filters: [], jest: [] });
  });

  test.each([
    [["--filter", "@stream-control/protocol"]],
    [["--filter=@stream-control/protocol"]],
    [["-F", "@stream-control/protocol"]],
  ])("%j chooses one package", (argv) => {
    expect(parseTestArgs(argv)).toEqual({ filters: ["--filter=@stream-control/protocol"], jest: [] });
  });

  test("what is not a filter goes to jest, with or without the dashes before it", () => {
    expect(parseTestArgs(["--filter", "a", "--filter", "b", "--", "-t", "stalls"])).toEqual({
      filters: ["--filter=a", "--filter=b"],
      jest: ["-t", "stalls"],
    });
  });

  test.each([[["--filter"]], [["--filter", "--verbose"]]])("%j is answered with what is missing", (argv) => {
    expect(() => parseTestArgs(argv)).toThrow("--filter needs the name of a package");
  });
});
