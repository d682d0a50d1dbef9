import { measureDispatch } from "./dispatch.js";

console.log(await measureDispatch());
