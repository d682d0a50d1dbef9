import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import {
  agentMessagePayloads,
  CLOSE_CODES,
  orchestratorMessagePayloads,
  parseAgentMessage,
  parseOrchestratorMessage,
} from "@stream-control/protocol";
import { ROOT } from "../lib/workspace.mjs";

describe("docs/protocol.md", () => {
  const page = readFileSync(join(ROOT, "docs/protocol.md"), "utf8");
  const examples = [...page.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text = ""]) => text);

  test("has only examples that the protocol understands, to the last field", () => {
    const problems = examples.flatMap((text) => {
      const parsed = text.includes('"type": "agent.') ? parseAgentMessage(text) : parseOrchestratorMessage(text);
      if (!parsed.ok) return [`${parsed.problem.message}\n${text}`];
      return parsed.message.extraFields.length === 0 ? [] : [`${parsed.message.extraFields.join()} in ${text}`];
    });
    expect(examples.length).toBeGreaterThan(10);
    expect(problems).toEqual([]);
  });

  test("names every message and every close code", () => {
    const types = Object.keys({ ...agentMessagePayloads, ...orchestratorMessagePayloads });
    const shortened = page.replaceAll("`….un", "`orchestrator.job.un");
    expect(types.filter((type) => !shortened.includes(`\`${type}\``))).toEqual([]);
    expect(Object.values(CLOSE_CODES).filter((code) => !page.includes(`| ${code} |`))).toEqual([]);
  });
});

describe("docs/failure-matrix.md", () => {
  const page = readFileSync(join(ROOT, "docs/failure-matrix.md"), "utf8");
  const proofs = [...page.matchAll(/`([\w./-]+\.test\.ts)`: "([^"]+)"/g)];

  test("names only tests that there are", () => {
    const missing = proofs.filter(
      ([, file = "", title = ""]) => !readFileSync(join(ROOT, file), "utf8").includes(title),
    );
    expect(missing.map(([proof]) => proof)).toEqual([]);
  });

  test("has a proof in every row", () => {
    const rows = page.split("\n").filter((line) => line.startsWith("| ") && !/^\| (-|fault|what is asked)/.test(line));
    expect(rows.length).toBeGreaterThan(40);
    expect(rows.filter((row) => !/\.test\.ts`: "|the same test/.test(row))).toEqual([]);
  });
});
