import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { Orchestrator } from "../src/index.js";
import { House } from "./house.js";

const PAGE = "https://admin.your-frontend.com";

/** A request with an origin, as a browser makes it; `fetch` may not set the header's companions of a preflight. */
const from = (house: House, origin: string, method = "GET") =>
  fetch(`${house.url}/v1/jobs`, {
    method,
    headers: { origin, ...(method === "OPTIONS" ? { "access-control-request-method": "PUT" } : {}) },
  });

describe("cross-origin requests", () => {
  test("in development every page may read, and send JSON", async () => {
    await using house = await House.open();
    expect((await from(house, "http://anywhere.example")).headers.get("access-control-allow-origin")).toBe("*");
    const preflight = await from(house, "http://anywhere.example", "OPTIONS");
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-origin")).toBe("*");
    expect(preflight.headers.get("access-control-allow-methods")).toContain("PUT");
    await house.page("", { origin: "http://localhost:5173" });
    // Without a key only pages of this machine, or any page that somebody visits could run the room.
    await expect(house.page("", { origin: "http://anywhere.example" })).rejects.toThrow("401");
  });

  test("in production only the listed origins may, sockets included", async () => {
    await using house = await House.open({ allowedOrigins: ["http://your-frontend.com", PAGE] });
    for (const method of ["GET", "OPTIONS"]) {
      expect((await from(house, PAGE, method)).headers.get("access-control-allow-origin")).toBe(PAGE);
      expect((await from(house, "http://evil.example", method)).headers.has("access-control-allow-origin")).toBe(false);
    }
    await house.page("", { origin: PAGE });
    await expect(house.page("", { origin: "http://evil.example" })).rejects.toThrow("403");
    await expect(house.page("", { origin: "null" })).rejects.toThrow("403");
    // Programs, agents among them, send no origin.
    await house.page();
    await house.agent();
  });

  test("in production without a list no page may", async () => {
    await using house = await House.open({ allowedOrigins: [] });
    expect((await from(house, PAGE)).headers.has("access-control-allow-origin")).toBe(false);
    await expect(house.page("", { origin: PAGE })).rejects.toThrow("403");
  });
});

describe("health", () => {
  test("is told at /healthz", async () => {
    await using house = await House.open();
    const { status, body } = await house.api("GET", "/healthz");
    expect(status).toBe(200);
    expect(body).toMatchObject({ ok: true, status: "ok" });
  });
});

describe("prototype pollution", () => {
  afterEach(() => {
    // Whatever a test below did to the prototype of all objects must not reach the next one.
    Reflect.deleteProperty(Object.prototype, "polluted");
  });

  test("by __proto__ and constructor in any body stays a field like any other, or nothing", async () => {
    await using house = await House.open();
    const poison = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
    const submitted = await house.api("POST", "/v1/jobs", `{"inlineConfig":${poison},"metadata":${poison}}`);
    expect(submitted.status).toBe(201);
    const path = `/v1/jobs/${submitted.body.id}/metadata`;
    expect((await house.api("PUT", path, poison)).status).toBe(200);
    expect(
      (await house.api("PUT", path, `{"__proto__":null,"constructor":null,"title":"T"}`)).body.metadata.title,
    ).toBe("T");
    await house.api("POST", "/v1/templates", `{"id":"t","name":"T","config":{"source":{"type":"test"},"a":${poison}}}`);
    const templated = await house.api(
      "POST",
      "/v1/jobs",
      `{"templateId":"t","configOverrides":{"__proto__":{"polluted":1},"a":${poison}}}`,
    );
    expect(templated.status).toBe(201);
    await using agent = await house.agent({ slots: 2 });
    agent.sendRaw(
      `{"type":"agent.hello","payload":{"agentId":"agent-123","name":"n","version":"1","meta":${poison},"capabilities":{"slots":2,"__proto__":{"polluted":1}},"auth":{"token":"secret"}}}`,
    );
    for (const { id } of [submitted.body, templated.body]) await house.jobIn(id, "RUNNING");
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  test("an agent may be called __proto__", async () => {
    await using house = await House.open();
    await house.agent({ agentId: "__proto__" });
    const { id } = await house.submit();
    expect(await house.jobIn(id, "RUNNING")).toMatchObject({ agentId: "__proto__" });
  });
});

describe("addresses and handshakes", () => {
  test.each(["/v1/jobs/%E0%A4%A", "/v1/jobs/%00", "/v1/jobs/..%2f..%2fetc", "//v1//jobs"])(
    "%s is answered with an error in the common shape",
    async (path) => {
      await using house = await House.open();
      const { status, body } = await house.api("GET", path);
      expect([400, 404]).toContain(status);
      expect(body).toMatchObject({ error: expect.any(String), code: expect.any(String) });
    },
  );

  test("a socket elsewhere is refused with 404, a bad since with 400", async () => {
    await using house = await House.open();
    const { SocketClient } = await import("./inbox.js");
    await expect(SocketClient.open(house.url.replace("http", "ws"))).rejects.toThrow("404");
    for (const since of ["-1", "x", "", "1e3", "1234567890123456"])
      await expect(house.page(`?since=${since}`)).rejects.toThrow("400");
  });
});

describe("stopping", () => {
  test("is not held up by refused handshakes, half-open connections and slow clients", async () => {
    await using house = await House.open({ allowedOrigins: [] });
    const open = await Promise.all(
      [
        "GET /ui HTTP/1.1\r\nHost: x\r\nOrigin: http://evil.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /healthz HTT",
        "",
      ].map(async (text) => {
        // Half-open: this side never closes by itself.
        const socket = connect({ port: house.port, host: "127.0.0.1", allowHalfOpen: true });
        await once(socket, "connect");
        if (text !== "") socket.write(text);
        if (text.endsWith("\r\n\r\n")) await once(socket, "data");
        socket.on("error", () => undefined);
        return socket;
      }),
    );
    await house.stop();
    for (const socket of open) socket.destroy();
  });

  test("a start that fails leaves nothing behind", async () => {
    await using house = await House.open();
    await using other = await House.open();
    await other.stop();
    const second = new Orchestrator({ port: house.port, host: "127.0.0.1", dataDir: other.dataDir });
    await expect(second.start()).rejects.toThrow("EADDRINUSE");
    // The data folder is free again, and no timer keeps the process: jest would not end.
    await other.start();
  });
});

test("a body that is not packed as its header says is the caller's mistake", async () => {
  await using house = await House.open();
  const response = await fetch(`${house.url}/v1/jobs`, {
    method: "POST",
    headers: { "content-type": "application/json", "content-encoding": "gzip" },
    body: "{}",
  });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ code: "INVALID_REQUEST" });
});
