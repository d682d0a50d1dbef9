export * from "./caller.js";
export * from "./cursor.js";
export * from "./errors.js";
export * from "./page-query.js";
export * from "./parse.js";
export * from "./stream.js";
