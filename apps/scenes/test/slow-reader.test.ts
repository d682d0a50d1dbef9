import { connect } from "node:net";
import { expect, test } from "@jest/globals";
import { waitFor } from "@stream-control/test-kit";
import { House } from "./house.js";

/** Opens a socket by hand and never reads what comes. */
function openDeaf(port: number, id: string) {
  const socket = connect(port, "127.0.0.1");
  socket.write(
    `GET /streams/${id}/ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
  );
  socket.pause();
  socket.on("error", () => {});
  return socket;
}

test("who does not read is left out of ticks and in the end closed, and nobody else waits for it", async () => {
  await using house = await House.open();
  // Large updates, so that what the system buffers is full soon.
  const metadata = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`key-${index}`, "x".repeat(4000)]));
  const id = await house.make({ scenes: [{ name: "Big", duration_ms: 600_000, metadata }], tick_interval_ms: 20 });
  const deaf = openDeaf(house.scenes.port, id);
  const reader = await house.follow(id);
  const number = async (name: string) => {
    const text = await (await fetch(`${house.url}/metrics`)).text();
    return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1]);
  };
  await waitFor(async () => (await number("scenes_socket_updates_skipped_total")) > 20);
  // What happens is sent all the same, until that is too much.
  await waitFor(async () => {
    await house.call("POST", `/streams/${id}/status`, { status: "live" });
    return (await number("scenes_sockets_cut_total")) > 0;
  });
  await waitFor(async () => (await house.call("GET", `/streams/${id}/stats`)).json.total === 1);
  const ticks = reader.got.filter(({ kind }) => kind === "tick");
  const longest = Math.max(...ticks.slice(1).map(({ at_ms }, index) => at_ms - ticks[index].at_ms));
  expect(longest).toBeLessThan(3000);
  expect(reader.closed).toBeUndefined();
  deaf.destroy();
});
