import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { findFfmpeg } from "./requirements.mjs";
import { ROOT } from "./workspace.mjs";

/** As the services have it: the time a job gets to end by itself, and then until it is killed. */
const STOP_GRACE_MS = 10_000;
const KILL_AFTER_MS = 5000;
/** What an orderly stop may take beside that. */
const STOP_MARGIN_MS = 15_000;

/** @typedef {Readonly<Record<string, string | undefined>>} Env */

/**
 * @typedef {object} StartSettings
 * @property {number} port
 * @property {string} dataDir absolute
 * @property {string} mediaDir where streams put their previews, served under `/media/`
 * @property {string} logDir
 * @property {string} url
 */

/**
 * @param {Env} env
 * @returns {StartSettings}
 * @throws {Error} naming the wrong variable
 */
export function readSettings(env) {
  const text = env.PORT?.trim() || "8080";
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535)
    throw new Error("PORT must be a whole number from 1 to 65535; correct it or leave it out for 8080.");
  const dataDir = resolve(ROOT, env.DATA_DIR?.trim() || "data");
  return {
    port,
    dataDir,
    mediaDir: env.MEDIA_DIR?.trim() ? resolve(ROOT, env.MEDIA_DIR.trim()) : join(dataDir, "media"),
    logDir: join(dataDir, "logs"),
    url: `http://localhost:${port}`,
  };
}

/**
 * The two services on embedded defaults. Whatever else the environment sets for them stays as it is.
 *
 * @param {StartSettings} settings
 * @param {Env} env
 * @returns {{ orchestrator: import("./child-service.mjs").ServiceSpec, agent: import("./child-service.mjs").ServiceSpec }}
 */
export function serviceSpecs({ port, dataDir, mediaDir, logDir }, env) {
  const { ffmpeg, ffprobe } = findFfmpeg(env);
  const graceMs = wholeOr(env.STOP_GRACE_MS, STOP_GRACE_MS) + wholeOr(env.KILL_AFTER_MS, KILL_AFTER_MS);
  return {
    orchestrator: {
      name: "orchestrator",
      ...app("orchestrator"),
      logFile: join(logDir, "orchestrator.log"),
      stopTimeoutMs: STOP_MARGIN_MS,
      env: { ...env, PORT: String(port), DATA_DIR: join(dataDir, "orchestrator"), MEDIA_DIR: mediaDir },
    },
    agent: {
      name: "agent",
      ...app("agent"),
      logFile: join(logDir, "agent.log"),
      stopTimeoutMs: graceMs + STOP_MARGIN_MS,
      env: {
        AGENT_ID: "local-agent",
        AGENT_NAME: "Agent on this machine",
        OUTPUT_DIRS: [mediaDir, tmpdir()].join(","),
        INPUT_DIRS: [join(dataDir, "input"), mediaDir, tmpdir()].join(","),
        ...env,
        ...(ffmpeg === undefined ? {} : { FFMPEG_PATH: ffmpeg }),
        ...(ffprobe === undefined ? {} : { FFPROBE_PATH: ffprobe }),
        ORCHESTRATOR_URL: `ws://127.0.0.1:${port}/agent`,
        DATA_DIR: join(dataDir, "agent"),
        // Ctrl-C means that everything ends; an agent that runs as a service lets its streams go on instead.
        STOP_JOBS_ON_EXIT: "true",
      },
    },
  };
}

/**
 * Whether a command line is that of a runner which belongs to this data folder.
 *
 * @param {string} command
 * @param {string} dataDir
 */
export const isRunnerOf = (command, dataDir) =>
  command.includes("runner-main.js") && command.includes(join(dataDir, "agent"));

/** @param {string} name */
const app = (name) => ({ script: join(ROOT, "apps", name, "dist", "main.js"), cwd: join(ROOT, "apps", name) });

/**
 * @param {string | undefined} text
 * @param {number} fallback
 */
const wholeOr = (text, fallback) => (/^\d+$/.test(text?.trim() ?? "") ? Number(text) : fallback);
