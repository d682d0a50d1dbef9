export * from "./ffprobe.js";
export * from "./free-port.js";
export * from "./processes.js";
export * from "./rtmp-server.js";
export * from "./run.js";
export * from "./temporary-folder.js";
export * from "./volume.js";
export * from "./wait-for.js";
