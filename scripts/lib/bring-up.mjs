import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { OrchestratorApi } from "./orchestrator-api.mjs";
import { serviceSpecs } from "./services.mjs";
import { waitFor } from "./wait.mjs";

const HEALTHY_DEADLINE_MS = 30_000;
/** An agent tries every encoder of the machine before it says hello. */
const AGENT_DEADLINE_MS = 90_000;
const DEMO_DEADLINE_MS = 60_000;
/** States in which an agent is connected and well. */
const ONLINE = new Set(["IDLE", "RESERVED", "STARTING", "RUNNING", "STOPPING"]);
const FINAL = new Set(["STOPPED", "FAILED", "CANCELED"]);

/**
 * Starts orchestrator and agent, and on an empty data folder the demo stream.
 *
 * @param {object} options
 * @param {import("./stack.mjs").Stack} options.stack
 * @param {import("./services.mjs").StartSettings} options.settings
 * @param {import("./services.mjs").Env} options.env
 * @param {AbortSignal} options.signal
 * @param {(line: string) => void} options.say
 */
export async function bringUp({ stack, settings, env, signal, say }) {
  const { orchestrator, agent } = serviceSpecs(settings, env);
  const isFirstStart = isEmpty(join(settings.dataDir, "orchestrator"));
  for (const folder of [settings.mediaDir, settings.logDir, join(settings.dataDir, "input")])
    mkdirSync(folder, { recursive: true });

  const api = new OrchestratorApi(`http://127.0.0.1:${settings.port}`);
  say("Starting the orchestrator…");
  stack.start(orchestrator);
  await waitFor(() => api.isHealthy(), {
    what: "the orchestrator to be ready",
    deadlineMs: HEALTHY_DEADLINE_MS,
    signal,
    say,
  });

  say("Starting the agent…");
  stack.start(agent);
  const id = agent.env.AGENT_ID;
  await waitFor(async () => (await api.agents()).find((one) => one.id === id && ONLINE.has(one.state)), {
    what: "the agent to connect",
    deadlineMs: AGENT_DEADLINE_MS,
    signal,
    say,
  });

  if (isFirstStart) await startDemo({ api, signal, say });
  else say(await describeJobs(api, settings.url));
}

/**
 * A demo that does not come up is told, but ends nothing: the services themselves are well.
 *
 * @param {{ api: OrchestratorApi, signal: AbortSignal, say: (line: string) => void }} options
 */
async function startDemo({ api, signal, say }) {
  say("Submitting the demo stream (test picture and tone)…");
  const { id } = await api.submitDemo();
  try {
    const job = await waitFor(
      async () => {
        const now = await api.job(id);
        return now.status === "RUNNING" || FINAL.has(now.status) ? now : undefined;
      },
      { what: "the demo stream to run", deadlineMs: DEMO_DEADLINE_MS, signal, say },
    );
    if (job.status === "RUNNING") say("The demo stream is running.");
    else say(`The demo stream ended as ${job.status}: ${job.error?.message ?? "no reason was given"}`);
  } catch (error) {
    if (signal.aborted) throw error;
    const { status, pendingReason, error: why } = await api.job(id);
    say(`The demo stream is still ${status}: ${pendingReason ?? why?.message ?? "no reason was given"}`);
  }
}

/**
 * @param {OrchestratorApi} api
 * @param {string} url
 */
async function describeJobs(api, url) {
  const open = (await api.jobs()).filter(({ status }) => !FINAL.has(status)).length;
  if (open > 0) return `${open === 1 ? "One job is" : `${open} jobs are`} open from before.`;
  return (
    "No job is open. For another test picture:\n" +
    `  curl -X POST ${url}/v1/jobs -H 'Content-Type: application/json' -d '{"templateId":"stream-template-1"}'`
  );
}

/** @param {string} folder */
const isEmpty = (folder) => !existsSync(folder) || readdirSync(folder).length === 0;
