import { spawn } from "node:child_process";

/**
 * Installs packages quietly. Package lists are only fetched where the present ones do not do. A Ctrl-C waits for the
 * package manager to end, since half an installation is worse than a late exit.
 *
 * @param {readonly string[]} packages
 * @throws {Error} with what apt-get said
 */
export async function installDebianPackages(packages) {
  let interrupted = false;
  const onSignal = () => {
    interrupted = true;
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  try {
    const install = ["install", "-y", "--no-install-recommends", ...packages];
    const first = await apt(install);
    if (first.code !== 0) {
      const update = await apt(["update"]);
      const second = update.code === 0 ? await apt(install) : update;
      if (second.code !== 0)
        throw new Error(`apt-get could not install ${packages.join(", ")}:\n${second.output.trimEnd()}`);
    }
  } finally {
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
