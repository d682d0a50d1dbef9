import { spawn } from "node:child_process";
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { createServer as createHttpServer, type IncomingMessage, type RequestListener } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

/** What a test has to close in the end. */
export type Closers = (() => unknown)[];

const portOf = (server: { address(): AddressInfo | string | null }) => (server.address() as AddressInfo).port;

async function listen<S extends Server>(server: S, closers: Closers, address = "127.0.0.1", port = 0): Promise<S> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).once("close", () => sockets.delete(socket));
  });
  server.listen(port, address);
  await once(server, "listening");
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return server;
}

/** An address of this machine that no job is allowed to reach. */
export const FORBIDDEN = "127.0.0.2";

/** A service that is not for jobs: it remembers everything that was said to it. */
export async function startForbidden(closers: Closers, port = 0) {
  const heard: string[] = [];
  const server = createServer((socket) => {
    heard.push("connected");
    socket.on("data", (data) => {
      heard.push(data.toString("latin1"));
      socket.end("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret");
    });
  });
  return { port: portOf(await listen(server, closers, FORBIDDEN, port)), heard };
}

/** A web server, with TLS where it is given a key. */
export async function startWeb(
  onRequest: (
    url: string,
    request: IncomingMessage,
    ...more: Parameters<RequestListener> extends [unknown, ...infer R] ? R : never
  ) => void,
  closers: Closers,
  tls?: { key: string; cert: string },
) {
  const hear: RequestListener = (request, response) => onRequest(request.url ?? "", request, response);
  const server = tls === undefined ? createHttpServer(hear) : createHttpsServer(tls, hear);
  return portOf(await listen(server, closers));
}

/** A name server whose answers follow a list, the last one again and again; it knows IPv4 only. */
export async function startDns(answers: Record<string, string[]>, closers: Closers) {
  const asked: string[] = [];
  const socket: UdpSocket = createSocket("udp4");
  socket.on("message", (query, { address, port }) => {
    const { name, type, end } = questionOf(query);
    const list = answers[name] ?? [];
    // 1 is A (RFC 1035 3.2.2).
    const found = type === 1 ? (list.length > 1 ? list.shift() : list[0]) : undefined;
    if (type === 1) asked.push(name);
    const header = Buffer.from(query.subarray(0, 12));
    // A recursive answer without error, or "no such name" (RFC 1035 4.1.1).
    header.writeUInt16BE(answers[name] === undefined ? 0x8183 : 0x8180, 2);
    header.writeUInt16BE(found === undefined ? 0 : 1, 6);
    header.writeUInt32BE(0, 8);
    const answer = found === undefined ? [] : [Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]), bytesOf(found)];
    socket.send(Buffer.concat([header, query.subarray(12, end), ...answer]), port, address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  closers.push(() => socket.close());
  return { server: `127.0.0.1:${portOf(socket)}`, asked };
}

const bytesOf = (address: string) => Buffer.from(address.split(".").map(Number));

function questionOf(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join(".").toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

const SDP =
  "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=camera\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track1\r\n";

/** A camera that speaks RTSP over one TCP connection; what it says to a request can be put in its mouth. */
export async function startCamera(closers: Closers, say: (request: string) => string | undefined = () => undefined) {
  const requests: string[] = [];
  const udp = createSocket("udp4");
  udp.bind(0, "127.0.0.1");
  await once(udp, "listening");
  const encoder = spawn(
    "ffmpeg",
    [
      ...["-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=s=320x240:r=25", "-c:v", "libx264", "-g", "12"],
      ...["-preset", "ultrafast", "-tune", "zerolatency", "-bsf:v", "dump_extra", "-f", "rtp"],
      `rtp://127.0.0.1:${portOf(udp)}?pkt_size=1200`,
    ],
    { stdio: "ignore" },
  );
  closers.push(
    () => encoder.kill("SIGKILL"),
    () => udp.close(),
  );
  const server = createServer((socket) => {
    let rest = "";
    const onPicture = (packet: Buffer) => {
      const head = Buffer.from([0x24, 0, 0, 0]);
      head.writeUInt16BE(packet.length, 2);
      if (!socket.destroyed) socket.write(Buffer.concat([head, packet]));
    };
    socket.once("close", () => udp.off("message", onPicture));
    socket.on("data", (data) => {
      const parts = (rest + data.toString("latin1")).split("\r\n\r\n");
      rest = parts.pop() ?? "";
      for (const request of parts) {
        // Reports about reception come between requests.
        const words = request.replace(/^\$[\s\S]*?(?=[A-Z_]+ rtsp)/, "");
        requests.push(words);
        socket.write(say(words) ?? usual(words));
        if (words.startsWith("PLAY ")) udp.on("message", onPicture);
      }
    });
  });
  return { port: portOf(await listen(server, closers)), requests };
}

/** A reply in RTSP with the request's own number. */
export function rtspReply(request: string, status: string, lines: readonly string[] = [], body = ""): string {
  const [, sequence] = /CSeq: *(\d+)/i.exec(request) ?? [];
  const head = [
    `RTSP/1.0 ${status}`,
    `CSeq: ${sequence}`,
    ...lines,
    ...(body ? [`Content-Length: ${body.length}`] : []),
  ];
  return `${head.join("\r\n")}\r\n\r\n${body}`;
}

function usual(request: string): string {
  const [method] = request.split(" ");
  const session = "Session: 1";
  if (method === "OPTIONS") return rtspReply(request, "200 OK", ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"]);
  if (method === "DESCRIBE") return rtspReply(request, "200 OK", ["Content-Type: application/sdp"], SDP);
  if (method === "SETUP")
    return rtspReply(request, "200 OK", [session, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"]);
  return rtspReply(request, "200 OK", [session]);
}
