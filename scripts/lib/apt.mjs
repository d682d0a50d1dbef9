import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";

/** Asked by package scripts whether a service may be started; 101 is "no" (Debian's invoke-rc.d interface). */
const POLICY = "/usr/sbin/policy-rc.d";
const REFUSE_ALL =
  "#!/bin/sh\n# Written by Stream Control while it installs packages for its tests; safe to remove.\nexit 101\n";

/**
 * Installs packages quietly, without starting services. Package lists are only fetched where the present ones do not
 * do. A Ctrl-C waits for the package manager to end, since half an installation is worse than a late exit.
 *
 * @param {readonly string[]} packages
 * @param {readonly string[]} services units that must not come up at the next boot either
 * @throws {Error} with what apt-get said
 */
export async function installDebianPackages(packages, services) {
  let interrupted = false;
  const onSignal = () => {
    interrupted = true;
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  // One that we left behind when we were killed is ours to remove as well.
  const ours = !existsSync(POLICY) || readFileSync(POLICY, "utf8") === REFUSE_ALL;
  if (ours) writeFileSync(POLICY, REFUSE_ALL, { mode: 0o755 });
  try {
    const install = ["install", "-y", "--no-install-recommends", ...packages];
    const first = await apt(install);
    if (first.code !== 0) {
      const update = await apt(["update"]);
      const second = update.code === 0 ? await apt(install) : update;
      if (second.code !== 0)
        throw new Error(`apt-get could not install ${packages.join(", ")}:\n${second.output.trimEnd()}`);
    }
    if (existsSync("/run/systemd/system"))
      for (const service of services) await run("systemctl", ["disable", "--quiet", service]);
  } finally {
    if (ours) rmSync(POLICY, { force: true });
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
  if (interrupted) throw new Error("Interrupted; the packages are installed.");
}

/** @param {readonly string[]} args */
const apt = (args) => run("apt-get", ["-q", "-o", "DPkg::Lock::Timeout=300", ...args]);

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {Promise<{ code: number, output: string }>}
 */
function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      // Out of the terminal's process group, so that its Ctrl-C does not reach the package manager.
      detached: true,
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => {
        output += text;
      });
    child.on("error", reject).on("close", (code) => resolve({ code: code ?? 1, output }));
  });
}
