import { bundle } from "../../tsup.base.js";

export default bundle(["src/livestream.ts", "src/scenes.ts"]);
