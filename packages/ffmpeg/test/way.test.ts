import { spawn } from "node:child_process";
import { createServer, type Socket } from "node:net";
import { describe, expect, test } from "@jest/globals";
import { destinationSchema, sourceSchema } from "@stream-control/protocol";
import fc from "fast-check";
import {
  addressOn,
  addressParts,
  gatewayWay,
  isListening,
  openArguments,
  pinnedWay,
  relayedWay,
  senderArguments,
} from "../src/index.js";

describe("an address is taken apart", () => {
  test.each([
    ["rtmp://h/live/key", { scheme: "rtmp", userinfo: "", host: "h", port: undefined, rest: "/live/key" }],
    ["SRT://[::1]:9000?a=/@b", { scheme: "srt", userinfo: "", host: "::1", port: 9000, rest: "?a=/@b" }],
    ["rtsp://u:p@x@cam:554/a@b", { scheme: "rtsp", userinfo: "u:p@x@", host: "cam", port: 554, rest: "/a@b" }],
    ["http://h#@other/", { scheme: "http", userinfo: "", host: "h", port: undefined, rest: "#@other/" }],
    ["srt://:9000", undefined],
    ["rtmp:///app", undefined],
    ["rtmp://a:b:c/app", undefined],
    ["file:/etc/passwd", undefined],
  ])("%s", (url, expected) => expect(addressParts(url)).toEqual(expected));

  test("and put together again on its way", () => {
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true }), (url) => {
        expect(addressOn({ to: {}, options: [], protocols: "" }, url)).toBe(url);
      }),
    );
    expect(addressOn(pinnedWay("srt://h:9?mode=caller", "fd00::1"), "srt://h:9?mode=caller")).toBe(
      "srt://[fd00::1]:9?mode=caller",
    );
    const page = "https://u:p@cdn/a.m3u8?t=1";
    expect(addressOn(gatewayWay(page), page)).toBe("http://u:p@cdn:443/a.m3u8?t=1");
    const camera = "rtsps://u:p@cam/1";
    expect(addressOn(relayedWay(camera, 4000), camera)).toBe("rtsp://u:p@127.0.0.1:4000/1");
    const ingest = "rtmps://in.example/live2/key";
    expect(addressOn(relayedWay(ingest, 4000), ingest)).toBe("rtmp://127.0.0.1:4000/live2/key");
    expect(relayedWay(ingest, 4000).options).toEqual(["-rtmp_tcurl", "rtmps://in.example:443/live2"]);
  });
});

test("an SRT address that says twice how it connects is not taken for one that waits", () => {
  const listens = (url: string, listen: boolean) => isListening(sourceSchema.parse({ type: "srt", url, listen }));
  expect(listens("srt://0.0.0.0:9", true)).toBe(true);
  expect(listens("srt://0.0.0.0:9?mode=listener", false)).toBe(true);
  expect(listens("srt://169.254.169.254:9?mode=caller", true)).toBe(false);
  expect(listens("srt://169.254.169.254:9?mode=rendezvous", true)).toBe(false);
  expect(listens("srt://169.254.169.254:9?mode=listener&mode=caller", true)).toBe(false);
  expect(isListening(sourceSchema.parse({ type: "rtmp", url: "rtmp://0.0.0.0/a", listen: true }))).toBe(true);
  expect(isListening(destinationSchema.parse({ type: "rtmp", url: "rtmp://h/a" }))).toBe(false);
});

/** Runs ffmpeg against a server that plays RTMP's handshake. @returns the client's first message, `connect`. */
function connectMessage(argumentsFor: (port: number) => string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket: Socket) => {
      let received = Buffer.alloc(0);
      let answered = false;
      socket.on("error", () => {});
      socket.on("data", (data) => {
        received = Buffer.concat([received, data]);
        if (!answered && received.length >= 1537) {
          answered = true;
          // S0, S1 and S2; what S2 holds nobody checks (Adobe's RTMP 1.0, section 5.2).
          socket.write(Buffer.concat([Buffer.from([3]), Buffer.alloc(3072)]));
        }
        const message = received.subarray(1537 + 1536);
        if (message.length < 12 || message.length < 12 + message.readUIntBE(4, 3)) return;
        server.close();
        socket.destroy();
        // Chunks of 128 bytes with a byte between them.
        const payload = Buffer.from(message.subarray(12).filter((_, index) => index % 129 !== 128));
        resolve(payload.toString("latin1"));
      });
    });
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      if (address === null || typeof address === "string") throw new Error("The server has no port.");
      const child = spawn("ffmpeg", argumentsFor(address.port), { stdio: "ignore", timeout: 20_000 });
      child.once("error", reject);
      child.once("exit", () => server.close(() => reject(new Error("ffmpeg ended without connecting."))));
    });
  });
}

test.each(["/live/key", "/live/instance/key", "/live", "/live/mp4:a/b", "/ondemand/a/b", "/a?v=1/key", "/a/b/c/d?k=1"])(
  "RTMP at a pinned address says the same to the server as without: %s",
  async (path) => {
    const open = (way?: string) => (port: number) => {
      const source = sourceSchema.parse({ type: "rtmp", url: `rtmp://localhost:${port}${path}` });
      const pinned = way === undefined || !("url" in source) ? undefined : pinnedWay(source.url, way);
      return ["-loglevel", "quiet", ...openArguments(source, 5000, pinned), "-f", "null", "-"];
    };
    // The port is a part of what is said.
    const said = async (way?: string) =>
      (await connectMessage(open(way))).replaceAll(/localhost:\d+/g, "localhost:PORT");
    const plain = await said();
    expect(plain).toContain("localhost:PORT/");
    expect(await said("127.0.0.1")).toBe(plain);
  },
);

test("a sender at a pinned address names the host to the server, and opens nothing but its protocol", async () => {
  const destination = destinationSchema.parse({ type: "rtmp", url: "rtmp://a.example/live2", streamKey: "abcd" });
  const words = senderArguments(destination, { way: pinnedWay("rtmp://a.example/live2/abcd", "203.0.113.7") });
  expect(words.slice(words.indexOf("-rtmp_tcurl"), words.indexOf("-rtmp_tcurl") + 2)).toEqual([
    "-rtmp_tcurl",
    "rtmp://a.example:1935/live2",
  ]);
  expect(words.at(-1)).toBe("rtmp://203.0.113.7/live2/abcd");
  expect(words.join(" ")).toContain("-c copy -protocol_whitelist rtmp,tcp ");
});
