import { expect, test } from "@jest/globals";
import { verdictOf } from "../audit-dependencies.mjs";

const answer = (stdout: string, status = 1) => ({ status, stdout, stderr: "" });
const advisory = (severity: string) => ({
  severity,
  module_name: "left-pad",
  title: "It pads",
  url: "https://x.example/1",
});

test("a known hole of the grade high or worse fails the audit, by name", () => {
  for (const grade of ["high", "critical"]) {
    const { code, sentence } = verdictOf(answer(JSON.stringify({ advisories: { 1: advisory(grade) } })));
    expect(code).toBe(1);
    expect(sentence).toContain("left-pad: It pads");
  }
});

test("lesser ones and none pass it", () => {
  expect(verdictOf(answer(JSON.stringify({ advisories: { 1: advisory("moderate") } }))).code).toBe(0);
  expect(verdictOf(answer(JSON.stringify({ advisories: {} }), 0))).toMatchObject({ code: 0 });
});

test("a registry that cannot be asked fails nothing, but never reads as an audit that passed", () => {
  for (const stdout of ["", "Error: ERR_PNPM_AUDIT_BAD_RESPONSE", "{}", "null"]) {
    const { code, sentence } = verdictOf(answer(stdout));
    expect(code).toBe(0);
    expect(sentence).toContain("NOT audited");
  }
});
