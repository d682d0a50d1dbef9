import { bundle } from "../../tsup.base.js";

export default bundle([
  "src/index.ts",
  "src/main.ts",
  "src/youtube/setup/main.ts",
  "src/scheduling/simulation/index.ts",
]);
