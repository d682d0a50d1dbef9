import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { addressKey, type ClientAddresses, plainAddress } from "../callers/client-addresses.js";
import { Connection, ConnectionGuard, type GuardLimits } from "./connection-guard.js";

/** What the rest of a door may tell its guard about a request's connection. */
export interface ServerGuard {
  readonly guard: ConnectionGuard;
  /** The connection has become a socket, whose owner is not known yet. */
  upgraded(request: IncomingMessage): void;
  /** The owner of the socket is known: it is no longer cut for others. */
  settled(request: IncomingMessage): void;
}

/** Puts a guard in front of a server and tells it what its connections are doing. */
export function guardServer(server: Server, limits: GuardLimits, addresses: ClientAddresses): ServerGuard {
  const guard = new ConnectionGuard(limits);
  const bySocket = new WeakMap<Socket, Connection>();
  // With TLS, requests come over another object than the connection; both have the same peer.
  const byPeer = new Map<string, Connection>();

  server.on("connection", (socket: Socket) => {
    const address = plainAddress(socket.remoteAddress);
    const connection = new Connection(addressKey(address), socket, addresses.isProxy(address));
    const peer = peerOf(socket);
    bySocket.set(socket, connection);
    byPeer.set(peer, connection);
    socket.once("close", () => {
      if (byPeer.get(peer) === connection) byPeer.delete(peer);
      guard.remove(connection);
    });
    guard.add(connection);
  });
  server.on("secureConnection", (socket: TLSSocket) => {
    const connection = byPeer.get(peerOf(socket));
    if (connection === undefined) return;
    bySocket.set(socket, connection);
    socket.once("close", () => guard.remove(connection));
  });
  server.prependListener("request", (request: IncomingMessage, response: ServerResponse) => {
    const connection = bySocket.get(request.socket);
    if (connection === undefined) return;
    connection.requests += 1;
    // A request that is still being sent is as good as none: that is what a slow attacker sends.
    if (hasBody(request)) request.once("end", () => asked(connection));
    else guard.set(connection, "busy");
    response.once("close", () => answered(connection));
  });

  function asked(connection: Connection): void {
    if (connection.requests > 0) guard.set(connection, "busy");
  }

  function answered(connection: Connection): void {
    connection.requests -= 1;
    if (connection.requests === 0 && !connection.upgraded) guard.set(connection, "resting");
  }

  return {
    guard,
    upgraded: (request) => {
      const connection = bySocket.get(request.socket);
      if (connection === undefined) return;
      connection.upgraded = true;
      guard.set(connection, "pending");
    },
    settled: (request) => {
      const connection = bySocket.get(request.socket);
      if (connection !== undefined) guard.set(connection, "busy");
    },
  };
}

const peerOf = (socket: Socket): string => `${socket.remoteAddress} ${socket.remotePort}`;

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
