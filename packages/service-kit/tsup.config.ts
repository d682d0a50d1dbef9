import { bundle } from "../../tsup.base.js";

export default bundle(["src/index.ts", "src/audit/index.ts", "src/backoff.ts", "src/http/index.ts"]);
