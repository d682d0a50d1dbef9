import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import { RawClient, waitFor } from "@stream-control/test-kit";
import { WebSocket } from "ws";
import { openDoor } from "./doors.js";

const QUICK = { headersTimeoutMs: 300, requestTimeoutMs: 600, keepAliveTimeoutMs: 300, checkEveryMs: 50 };

describe("a slow client", () => {
  test("that drips its headers is answered 408 and closed, others are answered meanwhile", async () => {
    await using service = await openDoor({ limits: QUICK });
    await using slow = await RawClient.open(service.port);
    slow.send("GET /healthz HTTP/1.1\r\nHost: x\r\n");
    const drip = setInterval(() => slow.send("X-A: b\r\n"), 50);
    expect((await fetch(`${service.url}/healthz`)).status).toBe(200);
    expect(await slow.status()).toBe(408);
    await slow.closed;
    clearInterval(drip);
  });

  test("that drips its body is answered 408 and closed", async () => {
    await using service = await openDoor({ limits: QUICK });
    await using slow = await RawClient.open(service.port);
    slow.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n[");
    const drip = setInterval(() => slow.send("1,"), 50);
    expect(await slow.status()).toBe(408);
    await slow.closed;
    clearInterval(drip);
  });

  test("that says nothing at all, or rests too long between requests, is closed", async () => {
    await using service = await openDoor({ limits: QUICK });
    await using silent = await RawClient.open(service.port);
    await using resting = await RawClient.open(service.port);
    resting.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(await resting.status()).toBe(200);
    await Promise.all([silent.closed, resting.closed]);
  });
});

describe("headers", () => {
  test("that are too large get 431", async () => {
    await using service = await openDoor();
    await using client = await RawClient.open(service.port);
    client.send(`GET /healthz HTTP/1.1\r\nHost: x\r\nX-Large: ${"x".repeat(20_000)}\r\n\r\n`);
    expect(await client.status()).toBe(431);
    await client.closed;
  });

  test("that are too many get 431", async () => {
    await using service = await openDoor();
    await using client = await RawClient.open(service.port);
    const many = Array.from({ length: 120 }, (_, n) => `A${n}: b`).join("\r\n");
    client.send(`GET /healthz HTTP/1.1\r\nHost: x\r\n${many}\r\n\r\n`);
    expect(await client.status()).toBe(431);
  });

  test("that contradict each other about the length of the body are refused, so that nothing is smuggled behind it", async () => {
    await using service = await openDoor();
    for (const lines of [
      "Content-Length: 5\r\nTransfer-Encoding: chunked",
      "Content-Length: 5\r\nContent-Length: 6",
      "Transfer-Encoding: chunked, identity",
      "Content-Length : 5",
    ]) {
      await using client = await RawClient.open(service.port);
      client.send(
        `POST /echo HTTP/1.1\r\nHost: x\r\n${lines}\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n`,
      );
      expect(await client.status()).toBe(400);
      await client.closed;
    }
  });
});

describe("a body", () => {
  const post = (url: string, body: Buffer | string, headers: Record<string, string> = {}) =>
    fetch(`${url}/echo`, { method: "POST", body, headers: { "content-type": "application/json", ...headers } });

  test("of a kilobyte that unpacks to a hundred megabytes is refused, and not unpacked", async () => {
    await using service = await openDoor();
    const plain = Buffer.alloc(100 * 1024 * 1024, " ");
    const before = process.memoryUsage().rss;
    for (const [encoding, bomb] of [
      ["gzip", gzipSync(plain)],
      ["br", brotliCompressSync(plain)],
    ] as const) {
      const started = performance.now();
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => post(service.url, bomb, { "content-encoding": encoding })),
      );
      expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 413));
      expect(performance.now() - started).toBeLessThan(5000);
    }
    // Forty of them unpacked would be four gigabytes.
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * 1024 * 1024);
  });

  test("that is nested too deeply, has too many values, or is too large, is refused", async () => {
    await using service = await openDoor();
    for (const bomb of [
      "[".repeat(1_000_000),
      `${'{"a":'.repeat(33)}1${"}".repeat(33)}`,
      `[${"0,".repeat(60_000)}0]`,
    ]) {
      const answer = await post(service.url, bomb);
      expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([400, "INVALID_JSON"]);
    }
    expect((await post(service.url, JSON.stringify({ a: "x".repeat(1024 * 1024) }))).status).toBe(413);
    const deepest = `${"[".repeat(32)}${"]".repeat(32)}`;
    expect(await (await post(service.url, deepest)).text()).toBe(deepest);
  });

  test("in UTF-16, whose bytes could pass for brackets, is not read", async () => {
    await using service = await openDoor();
    const body = Buffer.from('{"a":1}', "utf16le");
    expect((await post(service.url, body, { "content-type": "application/json; charset=utf-16le" })).status).toBe(415);
  });
});

describe("a socket", () => {
  const open = async (url: string, options = {}) => {
    const socket = new WebSocket(url, options);
    const closed = once(socket, "close").then(([code]) => code as number);
    socket.on("error", () => undefined);
    await once(socket, "open");
    return { socket, closed };
  };

  test("is closed with 1009 for a message that is too large, in one frame or in many", async () => {
    await using service = await openDoor();
    for (const inPieces of [false, true]) {
      const { socket, closed } = await open(service.socketUrl);
      socket.send("hello");
      await once(socket, "message");
      if (inPieces) for (let n = 0; n < 30; n += 1) socket.send("x".repeat(100), { fin: false });
      else socket.send("x".repeat(2001));
      expect(await closed).toBe(1009);
    }
  });

  test("may send little until it is known who speaks, and more after that", async () => {
    await using service = await openDoor();
    const stranger = await open(service.socketUrl);
    for (let n = 0; n < 20; n += 1) stranger.socket.send("x".repeat(100));
    expect(await stranger.closed).toBe(1009);
    const known = await open(service.socketUrl);
    const echoes: string[] = [];
    known.socket.on("message", (data) => echoes.push(String(data)));
    known.socket.send("hello");
    await waitFor(() => echoes.includes("hello"));
    for (let n = 0; n < 20; n += 1) known.socket.send("x".repeat(1000));
    known.socket.send("end");
    await waitFor(() => echoes.includes("end"));
    known.socket.close();
    await known.closed;
  });

  test("does not compress, whatever the client offers", async () => {
    await using service = await openDoor();
    const { socket, closed } = await open(service.socketUrl, { perMessageDeflate: true });
    expect(socket.extensions).toBe("");
    socket.close();
    await closed;
  });

  test("handshakes of one address are counted: 429 with Retry-After, others come in", async () => {
    await using service = await openDoor({ handshakesPerMinute: 3 });
    const statusFrom = async (localAddress: string) => {
      await using client = await RawClient.open(service.port, localAddress);
      const key = randomBytes(16).toString("base64");
      client.send(
        `GET /echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
      );
      const status = await client.status();
      if (status === 429) expect(client.received).toMatch(/\r\nRetry-After: [1-9]\d*\r\n/);
      return status;
    };
    const statuses: number[] = [];
    for (let n = 0; n < 5; n += 1) statuses.push(await statusFrom("127.0.0.1"));
    expect(statuses).toEqual([101, 101, 101, 429, 429]);
    expect(await statusFrom("127.0.0.2")).toBe(101);
  });
});

describe("connections", () => {
  test("of an address beyond its share cut that address's own, never another's", async () => {
    await using service = await openDoor({
      limits: { maxConnections: 100, maxConnectionsPerAddress: 20, maxPendingConnections: 50 },
    });
    await using other = await RawClient.open(service.port, "127.0.0.2");
    const flood = await Promise.all(Array.from({ length: 200 }, () => RawClient.open(service.port)));
    await waitFor(() => flood.filter(({ socket }) => !socket.destroyed).length <= 20);
    expect(other.socket.destroyed).toBe(false);
    other.send("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    expect(await other.status()).toBe(200);
    // Also the flooding address itself gets in, since its new connections replace its old ones.
    expect((await fetch(`${service.url}/healthz`)).status).toBe(200);
    await Promise.all(flood.map((client) => client[Symbol.asyncDispose]()));
  });

  test("with headers sent and a body that never comes do not keep others out", async () => {
    await using service = await openDoor({
      limits: { maxConnections: 30, maxConnectionsPerAddress: 30, maxPendingConnections: 15 },
    });
    const head = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n";
    const flood = await Promise.all(
      Array.from({ length: 60 }, async () => {
        const client = await RawClient.open(service.port);
        client.send(head);
        return client;
      }),
    );
    expect((await fetch(`${service.url}/healthz`)).status).toBe(200);
    await waitFor(() => flood.filter(({ socket }) => !socket.destroyed).length <= 15);
    await Promise.all(flood.map((client) => client[Symbol.asyncDispose]()));
  });
});
