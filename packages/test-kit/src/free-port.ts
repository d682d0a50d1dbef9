import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

/**
 * A TCP port on which nobody listens at this moment. For programs that can't be told "any port"; where a test starts the
 * server itself, port 0 is better.
 */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("The system gave no TCP port.");
  return address.port;
}

/** A UDP port that nobody uses at this moment, for SRT. */
export async function freeUdpPort(): Promise<number> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  await once(socket, "close");
  return port;
}

/**
 * A TCP port that refuses for as long as a test runs: tcpmux, which nobody serves. A free port may be given to another
 * test in the meantime, and then answers.
 */
export const REFUSING_PORT = 1;
