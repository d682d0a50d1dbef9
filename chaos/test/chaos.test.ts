import { fileURLToPath } from "node:url";
import { describe, expect, it } from "@jest/globals";
import { run } from "@stream-control/test-kit";

const chaos = (...args: string[]) =>
  run(process.execPath, [fileURLToPath(new URL("../dist/main.js", import.meta.url)), ...args], { deadlineMs: 200_000 });

describe("chaos", () => {
  it("loses, doubles and jams nothing in a short storm", async () => {
    const { code, stdout, stderr } = await chaos("--seed", "20", "--seconds", "12", "--verbose");
    const lines = stdout.trimEnd().split("\n");
    // The storm's own account says what went wrong.
    expect({ code, findings: code === 0 ? "" : `${stdout}${stderr}` }).toEqual({ code: 0, findings: "" });
    expect(stderr).toContain("seed 20\n");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(
      /^chaos: seed 20, 12 s: \d+ faults injected, \d+ jobs run, 0 lost, 0 doubled, 0 stuck, longest interruption /,
    );
  });

  it("says what is wrong with its arguments", async () => {
    const { code, stderr } = await chaos("--seconds", "soon");
    expect(code).toBe(1);
    expect(stderr).toContain("--seconds is wrong");
  });
});
