import { existsSync } from "node:fs";

const SETPRIV = "/usr/bin/setpriv";

/**
 * A command that makes the kernel kill the program when the runner dies, even by SIGKILL: without it a program that waits
 * for its source would wait on alone. Only Linux has this; elsewhere the program ends with its first write into the
 * broken pipe.
 */
export function programLauncher(platform: NodeJS.Platform): string[] {
  return platform === "linux" && existsSync(SETPRIV) ? [SETPRIV, "--pdeathsig", "KILL", "--"] : [];
}
