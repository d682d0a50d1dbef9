import { readFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { OrchestratorDouble } from "@stream-control/agent-sdk/testing";
import { endGroup, type TemporaryFolder, temporaryFolder } from "@stream-control/test-kit";
import { type AgentProcess, runnerPids, startAgent } from "./agent-process.js";

let base: TemporaryFolder;
let double: OrchestratorDouble;
let agents: AgentProcess[];
beforeEach(async () => {
  agents = [];
  base = await temporaryFolder();
  double = await OrchestratorDouble.listen({ token: "t0ken-of-the-test" });
});
afterEach(async () => {
  for (const { child } of agents) child.kill("SIGKILL");
  await Promise.all(agents.map(({ exited }) => exited));
  for (const pid of await runnerPids(base.path)) endGroup(pid);
  await double.close();
  await base.remove();
});

function agent(env: Record<string, string> = {}) {
  const started = startAgent({
    ORCHESTRATOR_URL: double.url,
    AGENT_TOKEN: "t0ken-of-the-test",
    DATA_DIR: base.path,
    OUTPUT_DIRS: base.file("media"),
    ...env,
  });
  agents.push(started);
  return started;
}

test("says what it is and what its ffmpeg can do, under an id that it keeps", async () => {
  const first = agent({ AGENT_NAME: "Sheet A", SLOTS: "3", MAX_RESOLUTION: "1080p", ALLOWED_PROTOCOLS: "rtmp,test" });
  const { payload } = await double.next("agent.hello");
  expect(payload).toMatchObject({
    name: "Sheet A",
    drain: false,
    capabilities: { slots: 3, maxResolution: "1080p", protocols: ["rtmp", "test"] },
  });
  expect(payload.capabilities.videoEncoders).toContain("libx264");
  expect(payload.capabilities.ffmpegVersion).toMatch(/^\d/);
  expect(payload.agentId).toBe((await readFile(base.file("agent-id"), "utf8")).trim());
  first.child.kill("SIGTERM");
  expect(await first.exited).toBe(0);
  const since = double.received.length;
  const second = agent({ DRAIN: "true" });
  const again = await double.next("agent.hello", () => true, { since });
  expect(again.payload).toMatchObject({ agentId: payload.agentId, drain: true });
  expect(first.output() + second.output()).not.toContain("t0ken-of-the-test");
});

test("without ffmpeg it does not start, and says what to do", async () => {
  const { exited, output } = agent({ FFMPEG_PATH: base.file("no-ffmpeg") });
  expect(await exited).toBe(78);
  expect(output()).toMatch(/^ffmpeg was not found: install it with .*apt-get install ffmpeg.*or set FFMPEG_PATH\.\n$/);
});

test("a wrong configuration stops the start by the variables' names", async () => {
  const { exited, output } = agent({ SLOTS: "many", ORCHESTRATOR_URL: "localhost" });
  expect(await exited).toBe(78);
  expect(output()).toContain("SLOTS");
  expect(output()).toContain("ORCHESTRATOR_URL");
});
