import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readdirSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

/**
 * @typedef {object} Requirement Something the product or its tests need from the system.
 * @property {string} label how people call it
 * @property {readonly string[]} debian packages of Debian and Ubuntu
 * @property {Readonly<Partial<Record<"darwin" | "win32" | "linux", string>>>} elsewhere how to get it on other systems
 * @property {(system: ProbedSystem) => boolean} isPresent
 *
 * @typedef {object} ProbedSystem What a probe may look at.
 * @property {Readonly<Record<string, string | undefined>>} env
 */

/**
 * Full path of a command, or undefined.
 *
 * @param {string} command
 * @param {{ env: Readonly<Record<string, string | undefined>> }} options
 */
export function findCommand(command, { env }) {
  const endings = process.platform === "win32" ? [".exe", ".cmd", ""] : [""];
  const folders = (env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  for (const folder of folders)
    for (const ending of endings) {
      const path = join(folder, command + ending);
      if (isExecutable(path)) return path;
    }
  return undefined;
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 */
const runs = (command, args) => spawnSync(command, args, { stdio: "ignore" }).status === 0;

/**
 * Where ffmpeg and ffprobe are: by setting, beside each other, or on the PATH.
 *
 * @param {Readonly<Record<string, string | undefined>>} env
 * @returns {{ ffmpeg: string | undefined, ffprobe: string | undefined }}
 */
export function findFfmpeg(env) {
  const ffmpeg = env.FFMPEG_PATH || findCommand("ffmpeg", { env });
  const beside = env.FFMPEG_PATH ? join(dirname(env.FFMPEG_PATH), "ffprobe") : undefined;
  const ffprobe =
    env.FFPROBE_PATH ||
    (beside !== undefined && isExecutable(beside) ? beside : undefined) ||
    findCommand("ffprobe", { env });
  return { ffmpeg, ffprobe };
}

/** @type {Requirement} */
export const ffmpeg = {
  label: "ffmpeg with ffprobe (version 5 or newer)",
  debian: ["ffmpeg"],
  elsewhere: {
    darwin: "brew install ffmpeg",
    win32: "winget install Gyan.FFmpeg",
    linux: "take ffmpeg from your distribution (Fedora: dnf install ffmpeg-free; Arch: pacman -S ffmpeg)",
  },
  isPresent: ({ env }) => {
    const found = findFfmpeg(env);
    return (
      found.ffmpeg !== undefined &&
      found.ffprobe !== undefined &&
      runs(found.ffmpeg, ["-version"]) &&
      runs(found.ffprobe, ["-version"])
    );
  },
};

const IN_A_CONTAINER = "run the tests in a Debian container (docker run --rm -v .:/src -w /src node:24-bookworm …)";

/** @type {Requirement} */
export const pythonClient = {
  label: "Python 3 at /usr/bin/python3 with requests and websocket-client",
  debian: ["python3", "python3-requests", "python3-websocket"],
  elsewhere: { darwin: IN_A_CONTAINER, win32: IN_A_CONTAINER, linux: IN_A_CONTAINER },
  isPresent: () => runs("/usr/bin/python3", ["-c", "import requests, websocket"]),
};

/** @type {Requirement} */
export const chromium = {
  label: "Chromium",
  debian: ["chromium"],
  elsewhere: { darwin: IN_A_CONTAINER, win32: IN_A_CONTAINER, linux: "take chromium from your distribution" },
  isPresent: ({ env }) =>
    ["chromium", "chromium-browser", "google-chrome"].some((command) => findCommand(command, { env }) !== undefined),
};

const DEBIAN_POSTGRESQL = "/usr/lib/postgresql";

/**
 * Servers that tests start themselves, each on a port and in a folder of its own.
 *
 * @type {Requirement}
 */
export const brokers = {
  label: "nats-server and redis-server",
  debian: ["nats-server", "redis-server"],
  elsewhere: {
    darwin: "brew install nats-server redis",
    win32: IN_A_CONTAINER,
    linux: "take nats-server and redis from your distribution",
  },
  // Debian puts nats-server where an ordinary user's PATH does not look.
  isPresent: ({ env }) =>
    ["nats-server", "redis-server"].every(
      (command) => findCommand(command, { env: { PATH: `${env.PATH}${delimiter}/usr/sbin` } }) !== undefined,
    ),
};

/** @type {Requirement} */
export const postgresql = {
  label: "PostgreSQL's server",
  debian: ["postgresql"],
  elsewhere: {
    darwin: "brew install postgresql",
    win32: IN_A_CONTAINER,
    linux: "take PostgreSQL's server from your distribution",
  },
  isPresent: ({ env }) =>
    findCommand("initdb", { env }) !== undefined ||
    // Debian keeps the programs of each version off the PATH; the folder is there with a client alone, too.
    (existsSync(DEBIAN_POSTGRESQL) &&
      readdirSync(DEBIAN_POSTGRESQL).some((version) => isExecutable(join(DEBIAN_POSTGRESQL, version, "bin/initdb")))),
};
