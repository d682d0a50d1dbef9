import { bundle } from "../../tsup.base.js";

export default bundle(["src/index.ts", "src/nats.ts", "src/open-messages.ts", "src/redis.ts"]);
