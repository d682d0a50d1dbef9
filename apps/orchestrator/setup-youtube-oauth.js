#!/usr/bin/env node
import { existsSync } from "node:fs";

const built = new URL("dist/youtube/setup/main.js", import.meta.url);
if (existsSync(built)) await import(built.href);
else {
  process.stderr.write("This is not built yet; run `pnpm build` first.\n");
  process.exitCode = 1;
}
