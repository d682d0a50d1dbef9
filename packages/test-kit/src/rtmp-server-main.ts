import { createRequire } from "node:module";

// A real RTMP server in a process of its own: the library is a per-process singleton, logs to the console, writes into its
// working folder, and a test must be able to kill it. It talks to its parent by IPC.
interface Session {
  streamPath: string;
  broadcast: { publishGraceMs: number };
}
interface MediaServer {
  rtmpServer: { tcpServer: import("node:net").Server };
  on(event: string, listener: (session: Session) => void): void;
  run(): Promise<void>;
}
type MediaServerClass = new (config: object) => MediaServer;

const NodeMediaServer = createRequire(import.meta.url)("node-media-server") as MediaServerClass;
// As a string the port passes the library's check for "none", and the system still chooses it.
const server = new NodeMediaServer({ bind: "127.0.0.1", rtmp: { port: process.argv[2] }, store: { path: "./data" } });
server.on("postPublish", ({ broadcast }) => {
  // The library waits half a minute before it believes that a publisher has gone; tests want to hear at once.
  broadcast.publishGraceMs = 0;
});
for (const event of ["postPublish", "donePublish"])
  server.on(event, ({ streamPath }) => process.send?.({ event, streamPath }));
server.rtmpServer.tcpServer.once("listening", () => {
  const address = server.rtmpServer.tcpServer.address();
  process.send?.({ event: "listening", port: typeof address === "object" ? address?.port : undefined });
});
process.on("disconnect", () => process.exit(0));
await server.run();
