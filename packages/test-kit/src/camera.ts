import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";

/** A network camera on 127.0.0.1. */
export interface Camera {
  port: number;
  /** Requests that it answered with pictures. */
  plays: number;
  close(): Promise<void>;
}

const SDP = [
  ...["v=0", "o=- 0 0 IN IP4 0.0.0.0", "s=camera", "t=0 0", "m=video 0 RTP/AVP 96"],
  ...["a=rtpmap:96 H264/90000", "a=fmtp:96 packetization-mode=1", "a=control:track1", ""],
].join("\r\n");

/**
 * Starts a camera that speaks RTSP over TCP (RFC 2326, pictures interleaved by §10.12) and wants a user's password with
 * every request (Basic, RFC 7617). Its pictures come from a real ffmpeg.
 */
export async function startCamera({ user, password }: { user: string; password: string }): Promise<Camera> {
  const udp = createSocket("udp4").bind(0, "127.0.0.1");
  await once(udp, "listening");
  const encoder = spawn(
    "ffmpeg",
    [
      ...["-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=15", "-c:v", "libx264", "-g", "15"],
      ...["-preset", "ultrafast", "-tune", "zerolatency", "-bsf:v", "dump_extra", "-f", "rtp"],
      `rtp://127.0.0.1:${udp.address().port}?pkt_size=1200`,
    ],
    { stdio: "ignore" },
  );
  const exited = once(encoder, "exit");
  const sockets = new Set<Socket>();
  const wanted = `Authorization: Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  const camera = { plays: 0 };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    const onPicture = (packet: Buffer) => {
      const head = Buffer.from([0x24, 0, packet.length >> 8, packet.length & 0xff]);
      if (!socket.destroyed) socket.write(Buffer.concat([head, packet]));
    };
    socket.once("close", () => {
      sockets.delete(socket);
      udp.off("message", onPicture);
    });
    let rest = "";
    socket.setEncoding("latin1").on("data", (data: string) => {
      const parts = (rest + data).split("\r\n\r\n");
      rest = parts.pop() ?? "";
      for (const part of parts) {
        // Reports about reception come between requests.
        const request = part.replace(/^\$[\s\S]*?(?=[A-Z_]+ rtsp)/, "");
        const isKnown = request.includes(wanted);
        socket.write(
          isKnown ? reply(request) : answer(request, "401 Unauthorized", ['WWW-Authenticate: Basic realm="camera"']),
        );
        if (!isKnown || !request.startsWith("PLAY ")) continue;
        camera.plays += 1;
        udp.on("message", onPicture);
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return Object.assign(camera, {
    port: typeof address === "object" && address !== null ? address.port : 0,
    async close() {
      encoder.kill("SIGKILL");
      for (const socket of sockets) socket.destroy();
      server.close();
      udp.close();
      await exited;
    },
  });
}

function reply(request: string): string {
  const [method] = request.split(" ");
  const session = "Session: 1";
  if (method === "OPTIONS") return answer(request, "200 OK", ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"]);
  if (method === "DESCRIBE") return answer(request, "200 OK", ["Content-Type: application/sdp"], SDP);
  if (method === "SETUP") return answer(request, "200 OK", [session, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"]);
  return answer(request, "200 OK", [session]);
}

function answer(request: string, status: string, lines: readonly string[], body = ""): string {
  const [, sequence = "1"] = /CSeq: *(\d+)/i.exec(request) ?? [];
  const length = body === "" ? [] : [`Content-Length: ${body.length}`];
  return `${[`RTSP/1.0 ${status}`, `CSeq: ${sequence}`, ...lines, ...length].join("\r\n")}\r\n\r\n${body}`;
}
