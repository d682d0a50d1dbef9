import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { silentLogger } from "@stream-control/service-kit";
import type { Access } from "@stream-control/service-kit/access";
import { waitFor } from "@stream-control/test-kit";
import { WebSocket, WebSocketServer } from "ws";
import { type Listener, Listeners } from "../src/public/listeners.js";

/** Nobody here has any rights that could change. */
const access = { onRightsChanged: () => () => undefined } as unknown as Access;

let server: WebSocketServer;
let listeners: Listeners;
beforeEach(async () => {
  server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
});
afterEach(async () => {
  await listeners.stop();
  server.close();
});

/** A client, and the listener that it became; undefined where it was turned away. */
async function connect(address: string, options: { autoPong?: boolean } = {}) {
  const arrived = once(server, "connection");
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, options);
  client.on("error", () => undefined);
  const closed = once(client, "close");
  const opened = once(client, "open");
  const [socket] = (await arrived) as [WebSocket];
  const listener: Listener | undefined = listeners.admit(socket, { address, caller: undefined });
  await opened;
  return { client, listener, closed };
}

test("a page that is there stays, one that has died without a word is cut off", async () => {
  listeners = new Listeners({ maxSockets: 10, access, logger: silentLogger(), pingMs: 50 });
  let ticks = 0;
  listeners.onTick(() => {
    ticks += 1;
  });
  listeners.start();
  const alive = await connect("192.0.2.1");
  const dead = await connect("192.0.2.2", { autoPong: false });
  await dead.closed;
  const then = ticks;
  await waitFor(() => ticks > then + 4);
  expect(alive.client.readyState).toBe(WebSocket.OPEN);
});

test("a page that does not read is closed, and costs bounded memory", async () => {
  listeners = new Listeners({ maxSockets: 10, access, logger: silentLogger() });
  const { client, listener } = await connect("192.0.2.1");
  client.pause();
  const text = "x".repeat(10_000);
  let sent = 0;
  await waitFor(
    () => {
      listener?.send(text);
      sent += 1;
      return listener?.socket.readyState !== WebSocket.OPEN;
    },
    { everyMs: 1, what: "the close" },
  );
  expect(listener?.socket.bufferedAmount).toBeLessThan(300_000);
  expect(sent).toBeGreaterThan(20);
  client.resume();
  client.terminate();
});

test("one address has at most two hundred, and gets a place back with each that goes", async () => {
  listeners = new Listeners({ maxSockets: 1000, access, logger: silentLogger() });
  const first = await connect("192.0.2.1");
  for (let n = 1; n < 200; n += 1) expect((await connect("192.0.2.1")).listener).toBeDefined();
  const late = await connect("192.0.2.1");
  expect(late.listener).toBeUndefined();
  expect((await late.closed)[0]).toBe(1013);
  expect((await connect("192.0.2.2")).listener).toBeDefined();
  if (first.listener === undefined) throw new Error("The first page was turned away.");
  const left = once(first.listener.socket, "close");
  first.client.terminate();
  await left;
  expect((await connect("192.0.2.1")).listener).toBeDefined();
});
