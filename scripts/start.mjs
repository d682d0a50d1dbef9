import { relative } from "node:path";
import { bringUp } from "./lib/bring-up.mjs";
import { watchLaunchers } from "./lib/launchers.mjs";
import { assertPortFree } from "./lib/port.mjs";
import { ffmpeg } from "./lib/requirements.mjs";
import { runStep } from "./lib/run-step.mjs";
import { isRunnerOf, readSettings } from "./lib/services.mjs";
import { Stack } from "./lib/stack.mjs";
import { ensureRequirements } from "./lib/system-packages.mjs";
import { ROOT, toolPath } from "./lib/workspace.mjs";

/**
 * `pnpm start`: orchestrator, one agent and on an empty data folder a demo stream, on embedded defaults. PORT and
 * DATA_DIR move them. The first Ctrl-C stops everything in order and exits 0, the second at once.
 */
const say = (/** @type {string} */ line) => console.log(line);
const stopWish = new AbortController();
/** @type {Stack | undefined} */
let stack;

/** @type {Promise<"stop">} */
const stopWished = new Promise((resolve) => stopWish.signal.addEventListener("abort", () => resolve("stop")));
function wishStop() {
  if (stopWish.signal.aborted) return;
  say("\nStopping… (once more to end everything at once)");
  stopWish.abort();
}
for (const [name, number] of /** @type {const} */ ([
  ["SIGINT", 2],
  ["SIGTERM", 15],
  ["SIGHUP", 1],
]))
  process.on(name, () => {
    if (!stopWish.signal.aborted) return wishStop();
    stack?.kill();
    process.exit(128 + number);
  });
// A terminal that was closed can't be written to; what runs must be stopped in order all the same.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

/** @param {unknown} error */
function tell(error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

async function main() {
  const settings = readSettings(process.env);
  await assertPortFree(settings.port);
  await ensureRequirements([ffmpeg], { env: process.env, say });
  if (stopWish.signal.aborted) return;
  say("Building…");
  const built = await runStep("The build", [toolPath("turbo/bin/turbo"), "run", "build", "--output-logs=errors-only"], {
    cwd: ROOT,
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: "1" },
    quiet: true,
    signal: stopWish.signal,
  });
  if (stopWish.signal.aborted) return;
  if (!built) {
    process.exitCode = 1; // Why, has been said.
    return;
  }

  stack = new Stack({ say, isOurs: (command) => isRunnerOf(command, settings.dataDir) });
  try {
    const up = bringUp({ stack, settings, env: process.env, signal: stopWish.signal, say });
    up.catch(() => {}); // A stop cuts it off, when nobody listens any more.
    if ((await Promise.race([up, stack.failed, stopWished])) !== "stop") {
      say(whereToLook(settings));
      await Promise.race([stack.failed, stopWished]);
    }
  } catch (error) {
    // Before the stop, which takes a while.
    tell(error);
    say("Stopping the rest…");
  } finally {
    await stack.stop();
    say("Everything has stopped; no process is left.");
  }
}

/** @param {import("./lib/services.mjs").StartSettings} settings */
function whereToLook({ url, logDir, dataDir }) {
  const near = (/** @type {string} */ path) => (path.startsWith(ROOT) ? `./${relative(ROOT, path)}` : path);
  return `
Stream Control is running.

  Page       ${url}/
  REST       ${url}/v1/jobs  ${url}/v1/agents
  UI socket  ${url.replace("http", "ws")}/ui
  Logs       ${near(logDir)}
  Data       ${near(dataDir)}

Ctrl-C stops everything.`;
}

const unwatch = watchLaunchers(wishStop);
try {
  await main();
} catch (error) {
  tell(error);
} finally {
  unwatch();
}
