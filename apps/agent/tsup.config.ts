import { defineConfig } from "tsup";
import { bundle } from "../../tsup.base.js";

const runner = bundle(["src/runner/runner-main.ts"]);

export default defineConfig([
  bundle(["src/main.ts"]),
  // In one file with all it uses: a runner stands between a job and its first frame, and one file loads faster than 150.
  { ...runner, entry: { "runner/runner-main": "src/runner/runner-main.ts" }, noExternal: [/.*/], clean: false },
]);
