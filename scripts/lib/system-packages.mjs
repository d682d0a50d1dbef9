import { existsSync, readFileSync } from "node:fs";
import { installDebianPackages } from "./apt.mjs";
import { isDebianLike, planPackages } from "./package-plan.mjs";
import { findCommand } from "./requirements.mjs";

/** @returns {import("./package-plan.mjs").Host} this machine */
export function thisHost() {
  return {
    platform: process.platform,
    isDebian: existsSync("/etc/os-release") && isDebianLike(readFileSync("/etc/os-release", "utf8")),
    isRoot: process.getuid?.() === 0,
    hasApt: findCommand("apt-get", { env: process.env }) !== undefined,
  };
}

/**
 * Sees to it that requirements are met: uses what is there, installs it where that is possible without asking.
 *
 * @param {readonly import("./requirements.mjs").Requirement[]} requirements
 * @param {{ env: Readonly<Record<string, string | undefined>>, say: (line: string) => void }} options
 * @throws {Error} with one sentence that says what to install and how
 */
export async function ensureRequirements(requirements, { env, say }) {
  if (env.FFMPEG_PATH && !existsSync(env.FFMPEG_PATH))
    throw new Error(`FFMPEG_PATH names ${env.FFMPEG_PATH}, which does not exist; correct it or unset it.`);
  const missing = () => requirements.filter((requirement) => !requirement.isPresent({ env }));
  const plan = planPackages(missing(), thisHost());
  if (plan.kind === "ready") return;
  if (plan.kind === "ask") throw new Error(plan.sentence);
  say(`Installing ${plan.packages.join(", ")} from Debian's packages…`);
  await installDebianPackages(plan.packages);
  const still = missing();
  if (still.length > 0)
    throw new Error(
      `${plan.packages.join(", ")} were installed, and yet ${still.map(({ label }) => label).join(" and ")} can't be used; ` +
        `run "apt-get install --reinstall ${plan.packages.join(" ")}" and look at what it says.`,
    );
}
