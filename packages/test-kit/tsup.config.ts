import { bundle } from "../../tsup.base.js";

export default bundle(["src/index.ts", "src/browser.ts", "src/rtmp-server-main.ts"]);
