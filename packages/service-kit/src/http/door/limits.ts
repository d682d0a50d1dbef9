import { readFileSync } from "node:fs";

/** What one connection or all of them may take of a service. Times in milliseconds. */
export interface DoorLimits {
  /** From the connection, or from a request's first byte, to the end of its headers; slower ones get 408. */
  headersTimeoutMs: number;
  /** The same to the end of its body. */
  requestTimeoutMs: number;
  /** How long a connection may rest between two requests. */
  keepAliveTimeoutMs: number;
  /** How long nothing at all may move on a connection with a request under way: a reader that does not read. */
  idleTimeoutMs: number;
  /** How often slow requests are looked for. */
  checkEveryMs: number;
  /** For a TLS handshake. */
  handshakeTimeoutMs: number;
  /** Bytes of a request's headers together; larger ones get 431. */
  maxHeaderBytes: number;
  /** Headers of a request; more get 431. */
  maxHeaders: number;
  /** Open connections, sockets included. */
  maxConnections: number;
  /** Open connections of one address that is no named proxy. */
  maxConnectionsPerAddress: number;
  /** Connections that have not asked for anything yet, and sockets that have not said who they are. */
  maxPendingConnections: number;
}

const MAX_CONNECTIONS = 16_384;
/** Files that a service needs beside its connections: database, logs, its own requests to others. */
const RESERVED_FILES = 512;

/**
 * The limits of a service.
 *
 * @param maxConnections the rest follows from it; by default as many as there are, at most 16,384, fewer where the
 *   process may not open that many files.
 */
export function doorLimits(maxConnections: number = defaultConnections()): DoorLimits {
  const half = Math.max(1, Math.floor(maxConnections / 2));
  return {
    headersTimeoutMs: 10_000,
    requestTimeoutMs: 30_000,
    keepAliveTimeoutMs: 10_000,
    idleTimeoutMs: 120_000,
    checkEveryMs: 1000,
    handshakeTimeoutMs: 10_000,
    maxHeaderBytes: 16 * 1024,
    maxHeaders: 100,
    maxConnections,
    maxConnectionsPerAddress: half,
    maxPendingConnections: half,
  };
}

function defaultConnections(): number {
  const files = openFileLimit();
  return files === undefined ? MAX_CONNECTIONS : Math.max(64, Math.min(MAX_CONNECTIONS, files - RESERVED_FILES));
}

/** How many files this process may have open, where the system tells it (Linux: proc_pid_limits(5)). */
export function openFileLimit(): number | undefined {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
