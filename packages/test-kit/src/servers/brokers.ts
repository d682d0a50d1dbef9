import { existsSync } from "node:fs";
import { startServer, type TestServer } from "./server-process.js";

/** Debian's place for it is not on an ordinary user's PATH. */
const NATS_SERVER = existsSync("/usr/sbin/nats-server") ? "/usr/sbin/nats-server" : "nats-server";

/** A real NATS server. */
export type NatsServer = TestServer;

/** A real NATS server with JetStream. */
export const startNats = (): Promise<TestServer> =>
  startServer({
    command: NATS_SERVER,
    args: (port, folder) => ["-a", "127.0.0.1", "-p", String(port), "-js", "-sd", folder],
    url: (port) => `nats://127.0.0.1:${port}`,
  });

/** A real Redis server that keeps nothing on disk. */
export const startRedis = (): Promise<TestServer> =>
  startServer({
    command: "redis-server",
    args: (port, folder) => [
      ...["--bind", "127.0.0.1", "--port", String(port), "--dir", folder],
      ...["--save", "", "--appendonly", "no", "--daemonize", "no"],
    ],
    url: (port) => `redis://127.0.0.1:${port}`,
  });
