export * from "./backoff.js";
export * from "./config.js";
export * from "./errors.js";
export * from "./logger.js";
export * from "./release-stack.js";
export * from "./run-command.js";
export * from "./run-service.js";
