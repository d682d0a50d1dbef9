import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import {
  agentMessagePayloads,
  CLOSE_CODES,
  callbackEventSchema,
  orchestrateReplySchema,
  orchestratorMessagePayloads,
  parseAgentMessage,
  parseOrchestratorMessage,
  parseRenderRequest,
  renderErrorSchema,
} from "@stream-control/protocol";
import { measuredRows, testsByPackage } from "../lib/recovery.mjs";
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

test("docs/renders.md has only examples that the protocol understands", () => {
  const page = readFileSync(join(ROOT, "docs/renders.md"), "utf8");
  const requests = [...page.matchAll(/-d '(\{[\s\S]*?\})'/g)].map(([, text = ""]) =>
    parseRenderRequest(JSON.parse(text)),
  );
  expect(requests.map(({ ok }) => ok)).toEqual([true]);
  const answers = [...page.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text = ""]) => JSON.parse(text));
  const schemaOf = (answer: object) => {
    if ("error" in answer) return renderErrorSchema;
    return "type" in answer ? callbackEventSchema : orchestrateReplySchema;
  };
  const isKnown = answers.map((answer) => schemaOf(answer).strict().safeParse(answer));
  expect(isKnown.map(({ error }) => error?.message)).toEqual([undefined, undefined, undefined]);
});

describe("docs/security.md", () => {
  const page = readFileSync(join(ROOT, "docs/security.md"), "utf8");
  const rows = page.split("\n").filter((line) => /^\| (?!attack|---)/.test(line));

  test("names for every claim a test that there is", () => {
    const missing = rows.flatMap((line) => {
      const proof = line.split("|").at(-2) ?? "";
      const titles = proof.split(/`([\w./-]+\.test\.ts)`: /).slice(1);
      const pairs = titles.flatMap((file, index) =>
        index % 2 === 0
          ? [...(titles[index + 1] ?? "").matchAll(/"([^"]+)"/g)].map(([, title = ""]) => [file, title] as const)
          : [],
      );
      if (pairs.length === 0) return [line];
      return pairs.filter(([file, title]) => !readFileSync(join(ROOT, file), "utf8").includes(title)).map(String);
    });
    expect(rows.length).toBeGreaterThan(25);
    expect(missing).toEqual([]);
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

  const cellsOf = (line: string) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim());
  /** Every row of every table, with its cells by the words above them. */
  const rows = page.split("\n\n").flatMap((block) => {
    const [head = [], , ...body] = block
      .split("\n")
      .filter((line) => line.startsWith("| "))
      .map(cellsOf);
    return body.map((cells) => new Map(cells.map((cell, index) => [head[index] ?? "", cell])));
  });
  const nameOf = (row: Map<string, string>) => [...row.values()][0]?.replaceAll("`", "") ?? "";

  test("has a proof in every row, and no row twice", () => {
    expect(rows.length).toBeGreaterThan(40);
    expect(rows.filter((row) => !row.get("proof")?.includes('.test.ts`: "')).map(nameOf)).toEqual([]);
    const names = rows.map(nameOf);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  test("gives in every row with a time a figure that one of its tests, the benchmarks or a storm measures", () => {
    const timed = rows.filter((row) => row.has("time"));
    expect(timed.length).toBeGreaterThan(45);
    const unmeasured = timed.filter((row) => {
      const [time = "", proof = ""] = [row.get("time"), row.get("proof")];
      const tests = [...proof.matchAll(/`([\w./-]+\.test\.ts)`/g)].map(([, file = ""]) => file);
      const byTest = tests.some((file) => measuredRows(readFileSync(join(ROOT, file), "utf8")).includes(nameOf(row)));
      return !/\d (s|ms|min)\b/.test(time) || !(byTest || /\b(bench|chaos)\b/.test(time));
    });
    expect(unmeasured.map(nameOf)).toEqual([]);
  });

  test("has a row for everything that a test measures", () => {
    const measuredBy = [...testsByPackage(ROOT)].flatMap(([folder, files]) =>
      files.flatMap((file) => measuredRows(readFileSync(join(ROOT, folder, file), "utf8"))),
    );
    expect(measuredBy.length).toBeGreaterThan(45);
    expect(measuredBy.filter((name) => !rows.some((row) => nameOf(row) === name))).toEqual([]);
  });
});
