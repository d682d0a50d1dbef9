import { createRequire } from "node:module";

// A real RTMP server in a process of its own: the library is a per-process singleton, logs to the console, writes into its
// working folder, and a test must be able to kill it. It talks to its parent by IPC.
interface Session {
  id: string;
  streamPath: string;
  broadcast: { publishGraceMs: number; publisher: Session | null };
  /** Called with every packet of media. */
  rtmp: { onPacketCallback(packet: unknown): void };
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
/** A longer pause between two packets begins a new span of media, in milliseconds. */
const SPAN_GAP_MS = 300;
const REPORT_INTERVAL_MS = 100;
/** Spans that are growing, by session, and whether they have grown since they were last reported. */
const spans = new Map<string, { from: number; to: number; grown: boolean }>();
const report = (id: string) => {
  const span = spans.get(id);
  if (span?.grown) process.send?.({ event: "media", id, from: span.from, to: span.to });
  if (span !== undefined) span.grown = false;
};
server.on("postPublish", (session) => {
  const { id, streamPath, broadcast, rtmp } = session;
  // The event comes before the library refuses a second publisher.
  const refused = broadcast.publisher !== null;
  process.send?.({ event: "session", id, streamPath, since: Date.now(), refused });
  const pass = rtmp.onPacketCallback;
  rtmp.onPacketCallback = (packet) => {
    const now = Date.now();
    const span = spans.get(id);
    if (span !== undefined && now - span.to <= SPAN_GAP_MS) Object.assign(span, { to: now, grown: true });
    else {
      report(id);
      spans.set(id, { from: now, to: now, grown: true });
    }
    pass(packet);
  };
});
setInterval(() => {
  for (const id of spans.keys()) report(id);
}, REPORT_INTERVAL_MS);
for (const event of ["postPublish", "donePublish"])
  server.on(event, ({ streamPath }) => process.send?.({ event, streamPath }));
server.rtmpServer.tcpServer.once("listening", () => {
  const address = server.rtmpServer.tcpServer.address();
  process.send?.({ event: "listening", port: typeof address === "object" ? address?.port : undefined });
});
process.on("disconnect", () => process.exit(0));
await server.run();
