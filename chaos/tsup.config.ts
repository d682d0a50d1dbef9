import { bundle } from "../tsup.base.js";

export default bundle(["src/main.ts", "src/stand-in-main.ts"]);
