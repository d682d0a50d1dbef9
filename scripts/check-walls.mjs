import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { ROOT, SOURCE_FOLDERS, toolPath } from "./lib/workspace.mjs";

/** `node scripts/check-walls.mjs [folder]`: fails when an import of the workspace in `folder` breaks a wall. */
const folder = resolve(process.argv[2] ?? ROOT);
const { status } = spawnSync(
  process.execPath,
  [
    toolPath("dependency-cruiser/bin/dependency-cruiser.mjs"),
    "--config",
    join(ROOT, ".dependency-cruiser.mjs"),
    ...SOURCE_FOLDERS.filter((name) => existsSync(join(folder, name))),
  ],
  { cwd: folder, stdio: "inherit" },
);
process.exitCode = status ?? 1;
