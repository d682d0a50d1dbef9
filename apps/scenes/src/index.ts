export * from "./timeline/index.js";
