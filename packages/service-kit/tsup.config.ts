import { bundle } from "../../tsup.base.js";

export default bundle([
  "src/index.ts",
  "src/access/index.ts",
  "src/access/oidc/index.ts",
  "src/app/index.ts",
  "src/audit/index.ts",
  "src/backoff.ts",
  "src/egress/index.ts",
  "src/http/index.ts",
  "src/production/index.ts",
  "src/secrets/index.ts",
]);
