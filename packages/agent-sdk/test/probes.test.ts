import { afterEach, expect, test } from "@jest/globals";
import type { ProbedSource, Source } from "@stream-control/protocol";
import { type AgentHandlers, CommandError } from "../src/index.js";
import { OrchestratorDouble } from "../src/testing.js";
import { recordingAgent, until } from "./helpers.js";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const SEEN: ProbedSource = { container: "flv", firstPacketMs: 12, streams: [{ type: "video", codec: "h264" }] };
const source = (name: string): Source => ({ type: "file", path: name, loop: false });

async function connected(handlers: Partial<AgentHandlers>) {
  const double = await OrchestratorDouble.listen();
  cleanups.push(() => double.close());
  const { client } = recordingAgent(double.url, { handlers });
  cleanups.push(() => client.stop());
  client.start();
  await until(() => client.online, "online");
  const ask = (probeId: string, deadlineMs = 5000) =>
    double.send("orchestrator.probe", { probeId, source: source(probeId), deadlineMs });
  const answer = (probeId: string) => double.next("agent.probe.result", (payload) => payload.probeId === probeId);
  return { double, ask, answer };
}

test("a source is looked into by the handler, whose answer or error goes back under the question's id", async () => {
  const { double, ask, answer } = await connected({
    onProbe: async (given, { deadlineMs }) => {
      if (deadlineMs === 1000) throw new CommandError({ code: "SOURCE_UNREACHABLE", message: "Nobody answers." });
      if (given.type === "file" && given.path === "broken") throw new Error("It broke.");
      return SEEN;
    },
  });
  expect((await double.next("agent.hello")).payload.capabilities.features).toContain("probe");
  const msgId = ask("one");
  expect(await answer("one")).toMatchObject({ correlationId: msgId, payload: { success: true, probe: SEEN } });
  ask("two", 1000);
  const error = { code: "SOURCE_UNREACHABLE", message: "Nobody answers." };
  expect((await answer("two")).payload).toEqual({ probeId: "two", success: false, error });
  ask("broken");
  expect((await answer("broken")).payload.error).toEqual({ code: "PROBE_FAILED", message: "It broke." });
});

test("one source is looked into at a time; a handler that overruns is answered for, and told", async () => {
  const held = Promise.withResolvers<ProbedSource>();
  const looked: string[] = [];
  let aborted = false;
  const { ask, answer } = await connected({
    onProbe: (given, { signal }) => {
      looked.push(given.type === "file" ? given.path : "");
      signal.addEventListener("abort", () => {
        aborted = true;
      });
      return looked.length === 1 ? held.promise : SEEN;
    },
  });
  ask("slow", 50);
  ask("second");
  expect((await answer("second")).payload.error?.code).toBe("AGENT_BUSY");
  const late = (await answer("slow")).payload.error;
  expect(late).toMatchObject({ code: "SOURCE_UNREACHABLE", detail: { cause: "TIMED_OUT" } });
  expect(aborted).toBe(true);
  // The handler itself has not come back: another look beside it would be the second.
  ask("third");
  expect((await answer("third")).payload.error?.code).toBe("AGENT_BUSY");
  held.resolve(SEEN);
  await held.promise;
  ask("fourth");
  expect((await answer("fourth")).payload.success).toBe(true);
  expect(looked).toEqual(["slow", "fourth"]);
});

test("an agent without the handler says so, and does not name the feature", async () => {
  const { double, ask, answer } = await connected({});
  expect((await double.next("agent.hello")).payload.capabilities.features).not.toContain("probe");
  ask("one");
  expect((await answer("one")).payload.error?.code).toBe("NOT_SUPPORTED");
});
