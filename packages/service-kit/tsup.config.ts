import { bundle } from "../../tsup.base.js";

export default bundle(["src/index.ts", "src/backoff.ts", "src/http/index.ts", "src/egress/index.ts"]);
