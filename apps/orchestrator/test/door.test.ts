import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { freePort, RawClient, type TemporaryFolder, temporaryFolder, waitFor } from "@stream-control/test-kit";
import fc from "fast-check";
import { Pool } from "undici";
import { call } from "./house.js";
import { SocketClient } from "./inbox.js";

import { SeedAgent } from "./seed-agent.js";
import { Service } from "./service.js";

let folder: TemporaryFolder;
let service: Service;

/** A fresh service in a process of its own, whose memory and open files are its own too. */
const start = async (env: Record<string, string> = {}) => {
  const port = await freePort();
  const variables = { PORT: String(port), DATA_DIR: folder.file(`data-${port}`), AGENT_TOKEN: "secret" };
  return Service.start({ ...variables, LOG_LEVEL: "error", ...env });
};

beforeAll(async () => {
  folder = await temporaryFolder();
  service = await start();
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await folder.remove();
});

const memoryMiB = async (pid: number) =>
  Number(/^VmRSS:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
const filesOf = async (pid: number) => {
  const limits = await readFile(`/proc/${pid}/limits`, "utf8");
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1]);
};

test("10,000 half-open connections cost bounded memory and files, and everybody else is answered", async () => {
  await using flooded = await start({ MAX_CONNECTIONS: "4000" });
  // Both ends are processes of this machine with the same limit, and this one needs a few files besides.
  const wanted = Math.min(10_000, (await filesOf(process.pid)) - 1000);
  const before = await memoryMiB(flooded.pid);
  await using agent = await SeedAgent.connect(`${flooded.url.replace("http", "ws")}/agent`);
  const kinds = [
    "",
    "GET / HT",
    "GET /v1/jobs HTTP/1.1\r\nHost: x\r\nX-A: ",
    "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{",
  ];
  const open: RawClient[] = [];
  const slowest = { ms: 0 };
  try {
    while (open.length < wanted) {
      open.push(...(await Promise.all(Array.from({ length: 250 }, () => RawClient.open(flooded.port, "127.0.0.9")))));
      for (const [n, client] of open.slice(-250).entries()) client.send(kinds[n % kinds.length] ?? "");
      const started = performance.now();
      expect((await call(flooded.url, "GET", "/healthz")).status).toBe(200);
      slowest.ms = Math.max(slowest.ms, performance.now() - started);
    }
    expect(open.length).toBeGreaterThanOrEqual(wanted);
    // Half of the connections may be half-open; of the others, the oldest were cut.
    await waitFor(() => open.filter(({ socket }) => !socket.destroyed).length <= 2000);
    expect((await memoryMiB(flooded.pid)) - before).toBeLessThan(200);
    expect(slowest.ms).toBeLessThan(2000);
    // From the flooding address too, since what is new takes the place of what is old.
    await using late = await RawClient.open(flooded.port, "127.0.0.9");
    late.send("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    expect(await late.status()).toBe(200);
    // Whoever was there and at work has noticed nothing.
    await agent.roundTrip();
    const { body } = await call(flooded.url, "POST", "/v1/jobs", { inlineConfig: {} });
    await agent.assignmentOf(body.id);
  } finally {
    await Promise.all(open.map((client) => client[Symbol.asyncDispose]()));
  }
}, 120_000);

test("5,000 sockets that never say who they are do not keep an agent out", async () => {
  await using flooded = await start({ MAX_CONNECTIONS: "1000" });
  const handshake =
    "GET /agent HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  const open: RawClient[] = [];
  try {
    while (open.length < 5000) {
      const some = await Promise.all(Array.from({ length: 250 }, () => RawClient.open(flooded.port, "127.0.0.9")));
      for (const client of some) client.send(handshake);
      open.push(...some);
    }
    await using agent = await SeedAgent.connect(`${flooded.url.replace("http", "ws")}/agent`);
    await agent.roundTrip();
    await waitFor(() => open.filter(({ socket }) => !socket.destroyed).length <= 500);
  } finally {
    await Promise.all(open.map((client) => client[Symbol.asyncDispose]()));
  }
}, 60_000);

test("headers: whatever is sent as one is answered with something below 500, or the connection is closed", async () => {
  const junk = fc.oneof(fc.string({ unit: "binary", maxLength: 60 }), fc.string({ maxLength: 60 }));
  const name = fc.oneof(
    fc.constantFrom("Authorization", "Cookie", "Origin", "Host", "X-Forwarded-For", "X-Forwarded-Proto", "Forwarded"),
    fc.constantFrom("Content-Length", "Transfer-Encoding", "Content-Type", "Content-Encoding", "Expect", "Connection"),
    fc.constantFrom("Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Range", "If-None-Match", "TE", "Trailer"),
    junk,
  );
  const value = fc.oneof(
    junk,
    fc.constantFrom("chunked", "gzip, gzip, gzip", "100-continue", "websocket", "bytes=0-9,0-9,0-9", "null", "*", "-1"),
    fc.constantFrom("Bearer ", "Bearer x\u0000y", "__proto__", "x".repeat(9000), "9".repeat(400), "a=b; a=c; =; ;;"),
  );
  const target = fc.constantFrom(
    "/",
    "/v1/jobs",
    "/healthz",
    "/ui",
    "/agent",
    "/media/../x",
    "*",
    "http://x/",
    "//",
    "",
  );
  const method = fc.constantFrom("GET", "POST", "OPTIONS", "CONNECT", "TRACE", "PRI", "M-SEARCH", "get");
  await fc.assert(
    fc.asyncProperty(
      method,
      target,
      fc.array(fc.tuple(name, value), { maxLength: 12 }),
      async (verb, where, headers) => {
        await using client = await RawClient.open(service.port);
        const lines = headers.map((pair) => pair.join(": "));
        client.send([`${verb} ${where} HTTP/1.1`, "Host: x", ...lines, "", ""].join("\r\n"));
        // The end of this side, so that nobody waits for a body that was announced.
        client.socket.end();
        const status = await client.status();
        expect([status === 0 || (status >= 100 && status < 500), client.received]).toEqual([true, client.received]);
      },
    ),
    { numRuns: 400 },
  );
  expect((await call(service.url, "GET", "/healthz")).status).toBe(200);
}, 60_000);

describe("a flood", () => {
  test("of ten times the limit is turned away, and others are answered in time", async () => {
    await using limited = await start({ RATE_LIMIT_PER_MINUTE: "300" });
    const flooder = new Pool(limited.url, { connections: 16, localAddress: "127.0.0.9" });
    const statuses = new Map<number, number>();
    let done = false;
    const flood = Promise.all(
      Array.from({ length: 16 }, async () => {
        for (let n = 0; n < 200; n += 1) {
          const { statusCode, body } = await flooder.request({ method: "GET", path: "/v1/jobs" });
          await body.dump();
          statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1);
        }
      }),
    ).finally(() => {
      done = true;
    });
    const times: number[] = [];
    while (!done && times.length < 20) {
      const started = performance.now();
      expect((await call(limited.url, "POST", "/v1/jobs", { inlineConfig: {} })).status).toBe(201);
      times.push(performance.now() - started);
    }
    await flood;
    await flooder.close();
    // The burst of 20, and a few more for each second that the flood took.
    expect(statuses.get(200)).toBeLessThan(320);
    expect((statuses.get(200) ?? 0) + (statuses.get(429) ?? 0)).toBe(3200);
    expect(times.length).toBeGreaterThan(5);
    // How much slower than without a flood, `pnpm bench flood` measures; a busy test machine cannot.
    expect(Math.max(...times)).toBeLessThan(1000);
  });

  test("of wrong tokens makes the guesser wait, and neither agents behind the same address nor the same agent elsewhere", async () => {
    const url = `${service.url.replace("http", "ws")}/agent`;
    await using known = await SeedAgent.connect(url, { agentId: "known" });
    const codes: number[] = [];
    for (let n = 0; n < 9; n += 1) {
      await using guesser = await SeedAgent.dial(url, { agentId: "victim", token: `guess-${n}` });
      guesser.hello();
      codes.push((await guesser.closed).code);
    }
    expect(codes).toEqual([4001, 4001, 4001, 4001, 4001, 4001, 1013, 1013, 1013]);
    // Even the right token has to wait now.
    await using right = await SeedAgent.dial(url, { agentId: "victim" });
    right.hello();
    expect(await right.closed).toMatchObject({
      code: 1013,
      reason: expect.stringMatching(/^too many wrong tokens; wait \d+ s$/),
    });
    await known.roundTrip();
    await known.cut();
    await using again = await SeedAgent.connect(url, { agentId: "known" });
    await again.roundTrip();
    await using other = await SeedAgent.connect(url, { agentId: "other" });
    await other.roundTrip();
  });

  test("of bytes before a hello closes the socket with 1009; after it, a message may be as large as a megabyte", async () => {
    const url = `${service.url.replace("http", "ws")}/agent`;
    await using stranger = await SeedAgent.dial(url);
    stranger.sendRaw(`{"type":"agent.hello","payload":{"x":"${"x".repeat(300_000)}"}}`);
    expect((await stranger.closed).code).toBe(1009);
    await using agent = await SeedAgent.connect(url, { agentId: "talker" });
    agent.sendRaw(JSON.stringify({ type: "agent.heartbeat", payload: { x: "x".repeat(1_000_000) } }));
    await agent.roundTrip();
    agent.sendRaw(JSON.stringify({ type: "agent.heartbeat", payload: { x: "x".repeat(1_050_000) } }));
    expect((await agent.closed).code).toBe(1009);
    await using page = await SocketClient.open(`${service.url.replace("http", "ws")}/ui`);
    page.sendRaw("x".repeat(70_000));
    expect((await page.closed).code).toBe(1009);
  });
});

test("a tower of brackets in a message gets an error that says so, and the agent stays", async () => {
  await using agent = await SeedAgent.connect(`${service.url.replace("http", "ws")}/agent`, { agentId: "tower" });
  agent.sendRaw("[".repeat(500_000));
  const { payload } = await agent.next("orchestrator.error");
  expect(payload).toMatchObject({ code: "INVALID_JSON", message: expect.stringContaining("32 levels") });
  await agent.roundTrip();
});
