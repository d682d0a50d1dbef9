import { defineConfig } from "tsup";
import { bundle } from "../../tsup.base.js";

const runner = bundle(["src/runner/runner-main.ts"]);

// Nothing is cleaned: the two builds run side by side, and one would clean away what the other has written.
export default defineConfig([
  { ...bundle(["src/main.ts"]), clean: false },
  // A bucket's client is large, and loaded only where there is a bucket.
  // In one file with all it uses: a runner stands between a job and its first frame, and one file loads faster than 150.
  {
    ...runner,
    entry: { "runner/runner-main": "src/runner/runner-main.ts" },
    noExternal: [/^(?!@stream-control\/object-store$)/],
    clean: false,
  },
]);
