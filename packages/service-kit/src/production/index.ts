export * from "./refuse.js";
export * from "./weak-secret.js";
