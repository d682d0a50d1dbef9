import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { isOwnPeer } from "../../../src/runner/reach/own-peer.js";
import { PlaylistFilter, plainPlaylist } from "../../../src/runner/reach/playlist.js";
import { RtspGuard } from "../../../src/runner/reach/rtsp-guard.js";

test("a playlist names https no more, and what else it says stays", () => {
  const tls: string[] = [];
  const text = [
    "#EXTM3U",
    '#EXT-X-KEY:METHOD=AES-128,URI="HTTPS://keys.example/k?a=b"',
    "https://user:pw@CDN.example:8443/a.ts",
    "https://[2001:DB8::1]/b.ts",
    "http://plain.example/c.ts",
    "relative.ts?next=https://other.example/",
  ].join("\n");
  expect(plainPlaylist(text, (authority) => tls.push(authority))).toBe(
    [
      "#EXTM3U",
      '#EXT-X-KEY:METHOD=AES-128,URI="http://keys.example:443/k?a=b"',
      "http://user:pw@CDN.example:8443/a.ts",
      "http://[2001:DB8::1]:443/b.ts",
      "http://plain.example/c.ts",
      "relative.ts?next=http://other.example:443/",
    ].join("\n"),
  );
  expect(tls).toEqual(["keys.example:443", "cdn.example:8443", "[2001:db8::1]:443", "other.example:443"]);
});

/** A body in pieces of any length. */
async function filtered(body: Buffer, cuts: readonly number[]) {
  const pieces: Buffer[] = [];
  let rest = body;
  for (const cut of cuts) {
    pieces.push(rest.subarray(0, cut));
    rest = rest.subarray(cut);
  }
  const kinds: boolean[] = [];
  const filter = new PlaylistFilter(
    (isPlaylist) => kinds.push(isPlaylist),
    () => {},
  );
  const read = buffer(filter);
  await pipeline(Readable.from([...pieces, rest].filter((piece) => piece.length > 0)), filter);
  return { kinds, bytes: await read };
}
const cutting = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 12 });

test("what is no playlist goes through byte for byte, however it is cut", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), cutting, async (bytes, cuts) => {
      const body = Buffer.concat([Buffer.from("G"), bytes]);
      expect(await filtered(body, cuts)).toEqual({ kinds: [false], bytes: body });
    }),
  );
  expect(await filtered(Buffer.alloc(0), [])).toEqual({ kinds: [false], bytes: Buffer.alloc(0) });
});

test("a playlist is known and rewritten, however it is cut", async () => {
  const address = fc.webUrl({ validSchemes: ["https"] });
  await fc.assert(
    fc.asyncProperty(fc.array(address, { maxLength: 5 }), cutting, async (addresses, cuts) => {
      const { kinds, bytes } = await filtered(Buffer.from(`#EXTM3U\n${addresses.join("\n")}`), cuts);
      expect(kinds).toEqual([true]);
      expect(bytes.toString()).not.toContain("https://");
    }),
  );
});

test("a page that is broken or endless costs the page and nothing else", async () => {
  const endless = Readable.from(
    (function* () {
      yield Buffer.from("#EXTM3U\n");
      for (;;) yield Buffer.alloc(1 << 20, "a");
    })(),
  );
  const filter = new PlaylistFilter(
    () => {},
    () => {},
  );
  filter.resume();
  await expect(pipeline(endless, filter)).rejects.toThrow("too large");
  const refusing = new PlaylistFilter(
    () => {
      throw new TypeError("Invalid header.");
    },
    () => {},
  );
  refusing.resume();
  await expect(pipeline(Readable.from([Buffer.alloc(100)]), refusing)).rejects.toThrow("Invalid header.");
});

/** What a guard lets through of what a server says; undefined where it broke off. */
async function guarded(said: string, cuts: readonly number[], heard?: string) {
  let redirects = 0;
  const guard = new RtspGuard(() => {
    redirects += 1;
  });
  if (heard !== undefined) guard.hear(Buffer.from(heard));
  const pieces: string[] = [];
  let rest = said;
  for (const cut of cuts) {
    pieces.push(rest.slice(0, cut));
    rest = rest.slice(cut);
  }
  const parts = [...pieces, rest].filter((piece) => piece !== "").map((piece) => Buffer.from(piece, "latin1"));
  const read = buffer(guard).catch(() => undefined);
  await pipeline(Readable.from(parts), guard).catch(() => {});
  return { redirects, said: (await read)?.toString("latin1") };
}

test("a redirection in RTSP is found wherever it stands and however it is cut", async () => {
  const before = fc.string({ unit: fc.constantFrom("\r\n", "$", "\0", "a", " ", "RTSP/1.0 200 OK\r\n") });
  const status = fc.constantFrom("300", "301 x", "+302", "0399", "  305\r\n", "\t303");
  await fc.assert(
    fc.asyncProperty(before, status, cutting, async (prefix, number, cuts) => {
      expect(await guarded(`${prefix}RTSP/1.0 ${number}\r\n\r\n`, cuts)).toEqual({ redirects: 1, said: undefined });
    }),
  );
  const harmless =
    "RTSP/1.0 200 OK\r\nCSeq: 302\r\nContent-Base: rtsp://h/RTSP/1.0/\r\n\r\nRTSP/1.0 404 Not Found\r\n\r\n";
  expect(await guarded(harmless, [])).toEqual({ redirects: 0, said: harmless });
  // Pictures may look like anything.
  const picture = `$\0\0\x20RTSP/1.0 302 Moved\r\n${"x".repeat(400_000)}`;
  expect(await guarded(picture, [], "PLAY rtsp://h/ RTSP/1.0\r\n")).toEqual({ redirects: 0, said: picture });
  expect(await guarded("x".repeat(400_000), [])).toEqual({ redirects: 0, said: undefined });
});

test("a connection from another user of the machine is known", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const accepted = async () => (await once(server, "connection"))[0] as Socket;
  try {
    const own = accepted();
    const socket = connect(port, "127.0.0.1");
    expect(isOwnPeer(await own)).toBe(true);
    socket.destroy();
    if (process.getuid?.() === 0) {
      const other = accepted();
      const script = `exec 3<>/dev/tcp/127.0.0.1/${port}; read -r line <&3`;
      const child = spawn("bash", ["-c", script], { uid: 65_534, stdio: "ignore" });
      const peer = await other;
      expect(isOwnPeer(peer)).toBe(false);
      const exited = once(child, "exit");
      peer.destroy();
      await exited;
    }
  } finally {
    server.close();
  }
});
