import { describe, expect, test } from "@jest/globals";
import { RawClient, waitFor } from "@stream-control/test-kit";
import { ConfigError } from "../src/config.js";
import { Origins } from "../src/http/index.js";
import { openDoor } from "./doors.js";

const COUNTED = { readsPerMinute: 5, writesPerMinute: 2, exceptLoopback: false };

/** One request from an address of this machine, with the whole answer as text. */
async function ask(port: number, from: string, lines: string[] = [], start = "GET /who"): Promise<string> {
  await using client = await RawClient.open(port, from);
  client.send(`${[`${start} HTTP/1.1`, "Host: x", "Connection: close", ...lines].join("\r\n")}\r\n\r\n`);
  await client.closed;
  return client.received;
}
const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);

describe("requests of one caller", () => {
  test("beyond its share get 429 with Retry-After, and every answer says how much is left; others are answered", async () => {
    await using service = await openDoor({ rates: COUNTED });
    const answers: string[] = [];
    for (let n = 0; n < 7; n += 1) answers.push(await ask(service.port, "127.0.0.1"));
    expect(answers.map(statusOf)).toEqual([200, 200, 200, 200, 200, 429, 429]);
    expect(answers[0]).toMatch(/\r\nRateLimit: "reads"; r=4; t=12\r\n/);
    expect(answers[0]).toMatch(/\r\nRateLimit-Policy: "reads"; q=5; w=60; pk=:[\w=]+:\r\n/);
    expect(answers[6]).toMatch(/\r\nRetry-After: \d+\r\n/);
    expect(answers[6]).toContain('"code":"RATE_LIMITED","details":{"retryAfterSeconds":');
    expect(statusOf(await ask(service.port, "127.0.0.2"))).toBe(200);
    // Whether the service is well is asked by machines that must not be turned away.
    expect(statusOf(await ask(service.port, "127.0.0.1", [], "GET /healthz"))).toBe(200);
  });

  test("are counted apart as reads and writes", async () => {
    await using service = await openDoor({ rates: COUNTED });
    const write = () => ask(service.port, "127.0.0.1", ["Content-Length: 0"], "POST /echo");
    const statuses = [statusOf(await write()), statusOf(await write()), statusOf(await write())];
    expect(statuses).toEqual([200, 200, 429]);
    expect(statusOf(await ask(service.port, "127.0.0.1"))).toBe(200);
  });

  test("cannot be given to somebody else by headers that only proxies may send", async () => {
    await using service = await openDoor({ rates: COUNTED });
    const statuses: number[] = [];
    for (let n = 0; n < 7; n += 1)
      statuses.push(
        statusOf(
          await ask(service.port, "127.0.0.1", [
            `X-Forwarded-For: 192.0.2.${n}`,
            `Forwarded: for=192.0.2.${n}`,
            `X-Real-IP: 192.0.2.${n}`,
            `True-Client-IP: 192.0.2.${n}`,
          ]),
        ),
      );
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429]);
  });

  test("behind a named proxy are counted by who is behind it, whatever they write themselves", async () => {
    await using service = await openDoor({ rates: COUNTED, proxies: ["127.0.0.1"] });
    const through = (caller: string, spoofed: string) =>
      ask(service.port, "127.0.0.1", [`X-Forwarded-For: ${spoofed}, ${caller}`, "X-Forwarded-Proto: https"]);
    const statuses: number[] = [];
    for (let n = 0; n < 7; n += 1) statuses.push(statusOf(await through("192.0.2.1", `203.0.113.${n}`)));
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429]);
    const other = await through("192.0.2.2", "192.0.2.1");
    expect(other).toContain('{"address":"192.0.2.2","ip":"192.0.2.2","secure":true}');
    expect(other).toMatch(/\r\nstrict-transport-security: /);
    // Whoever is no proxy speaks for itself alone.
    const direct = await ask(service.port, "127.0.0.3", ["X-Forwarded-For: 192.0.2.9", "X-Forwarded-Proto: https"]);
    expect(direct).toContain('{"address":"127.0.0.3","ip":"127.0.0.3","secure":false}');
    expect(direct).not.toContain("strict-transport-security");
  });

  test("with a name are counted by it, from wherever they come", async () => {
    await using service = await openDoor({ rates: COUNTED, keyOf: (request) => request.get("x-test-name") });
    const statuses: number[] = [];
    for (let n = 0; n < 7; n += 1)
      statuses.push(statusOf(await ask(service.port, `127.0.0.${n + 1}`, ["X-Test-Name: ada"])));
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429]);
    expect(statusOf(await ask(service.port, "127.0.0.1", ["X-Test-Name: bob"]))).toBe(200);
    expect(statusOf(await ask(service.port, "127.0.0.1"))).toBe(200);
  });
});

describe("origins", () => {
  const PAGE = "https://admin.example.com";
  const cors = (answer: string) => ({
    allowed: /\r\nAccess-Control-Allow-Origin: (.*)\r\n/.exec(answer)?.[1],
    credentials: /\r\nAccess-Control-Allow-Credentials: (.*)\r\n/.exec(answer)?.[1],
    varies: /\r\nVary: Origin\b/.test(answer),
  });

  test("that are listed are named, with credentials; others may neither read nor change anything", async () => {
    await using service = await openDoor({ origins: ["https://Admin.Example.com:443/", "http://other.example:8080"] });
    const preflight = ["Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: content-type"];
    for (const [start, lines] of [
      ["GET /who", []],
      ["OPTIONS /who", preflight],
    ] as const) {
      const listed = await ask(service.port, "127.0.0.1", [`Origin: ${PAGE}`, ...lines], start);
      expect(cors(listed)).toEqual({ allowed: PAGE, credentials: "true", varies: true });
      const foreign = await ask(service.port, "127.0.0.1", ["Origin: https://evil.example", ...lines], start);
      expect(cors(foreign)).toEqual({ allowed: undefined, credentials: undefined, varies: true });
    }
    const simple = ["Content-Type: text/plain", "Content-Length: 2"];
    const change = (origin: string) => ask(service.port, "127.0.0.1", [`Origin: ${origin}`, ...simple], "POST /echo");
    for (const evil of ["https://evil.example", "null", `${PAGE}.evil.example`, "http://admin.example.com"]) {
      const refused = await change(evil);
      expect([statusOf(refused), refused.includes("ORIGIN_NOT_ALLOWED")]).toEqual([403, true]);
    }
    expect(statusOf(await change(PAGE))).toBe(200);
    expect(cors(await ask(service.port, "127.0.0.1"))).toEqual({
      allowed: undefined,
      credentials: undefined,
      varies: true,
    });
  });

  test("that are open are answered with *, never with credentials", async () => {
    await using service = await openDoor();
    const answer = await ask(service.port, "127.0.0.1", ["Origin: https://evil.example", "Cookie: session=1"]);
    expect(cors(answer)).toEqual({ allowed: "*", credentials: undefined, varies: false });
  });

  test("bound sockets too", async () => {
    await using service = await openDoor({ origins: [PAGE] });
    const handshake = async (origin: string[]) => {
      await using client = await RawClient.open(service.port);
      const lines = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", ...origin];
      client.send(
        `GET /echo HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${lines.join("\r\n")}\r\n\r\n`,
      );
      const status = await client.status();
      if (status === 403) await waitFor(() => client.received.includes('"code":"ORIGIN_NOT_ALLOWED"'));
      return status;
    };
    expect(await handshake([`Origin: ${PAGE}`])).toBe(101);
    expect(await handshake(["Origin: https://evil.example"])).toBe(403);
    expect(await handshake(["Origin: null"])).toBe(403);
    expect(await handshake([])).toBe(101);
  });

  test.each(["admin.example.com", "https://a.example/path", "ftp://a.example", "https://user@a.example", "https://"])(
    "%s is none, and stops the start",
    (entry) => {
      expect(() => new Origins([entry])).toThrow(ConfigError);
    },
  );
});

test("every answer carries the security headers, errors included, and nothing that tells what runs here", async () => {
  await using service = await openDoor();
  for (const path of ["/who", "/nowhere"]) {
    const { headers } = await fetch(`${service.url}${path}`);
    expect(Object.fromEntries(headers)).toMatchObject({
      "content-security-policy": expect.stringMatching(
        /default-src 'self';script-src 'self';.*object-src 'none';.*frame-ancestors 'none'/,
      ),
      "cross-origin-resource-policy": "same-origin",
      "permissions-policy": expect.stringContaining("camera=()"),
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
    });
    for (const absent of ["x-powered-by", "server", "strict-transport-security"])
      expect(headers.has(absent)).toBe(false);
    expect(headers.get("content-security-policy")).not.toContain("unsafe");
  }
});
