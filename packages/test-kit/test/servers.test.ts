import { connect } from "node:net";
import { expect, test } from "@jest/globals";
import { startNats, startPostgres, startRedis } from "../src/index.js";

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });

test.each([
  ["NATS", startNats],
  ["Redis", startRedis],
  ["PostgreSQL", startPostgres],
])("a %s server of a test's own is up, goes away, comes back at its address, and leaves nothing", async (_, start) => {
  const server = await start();
  try {
    expect(await accepts(server.port)).toBe(true);
    await server.kill();
    expect(await accepts(server.port)).toBe(false);
    await server.start();
    expect(await accepts(server.port)).toBe(true);
  } finally {
    await server.stop();
  }
  expect(await accepts(server.port)).toBe(false);
});
