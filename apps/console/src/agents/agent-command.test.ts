import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { agentCommand } from "./agent-command.js";

test("the command does in a shell what it says: a token that only its user can read, and the agent's variables", () => {
  const folder = mkdtempSync(join(tmpdir(), "agent-command-"));
  try {
    const pnpm = join(folder, "pnpm");
    writeFileSync(pnpm, '#!/bin/sh\necho "$ORCHESTRATOR_URL|$AGENT_ID|$(cat "$AGENT_TOKEN_FILE")|$*"\n', {
      mode: 0o755,
    });
    const command = agentCommand({ origin: "https://control.example.com", agentId: "it's 1", token: "sca_$x`y" });
    const said = execFileSync("sh", ["-c", command], { cwd: folder, env: { PATH: `${folder}:${process.env.PATH}` } });
    expect(String(said).trim()).toBe(
      "wss://control.example.com/agent|it's 1|sca_$x`y|--filter @stream-control/agent start",
    );
    expect(statSync(join(folder, "agent-token")).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(folder, "agent-token"), "utf8")).toBe("sca_$x`y\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("without a token of its own the shared one is left to be filled in", () => {
  const command = agentCommand({ origin: "http://localhost:8080", agentId: "encoder-2", token: undefined });
  expect(command).toContain("ORCHESTRATOR_URL=ws://localhost:8080/agent");
  expect(command).toContain("AGENT_TOKEN=…");
});
