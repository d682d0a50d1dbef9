import { chown, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../run.js";
import { startServer, type TestServer } from "./server-process.js";

/** A real PostgreSQL server with the database `postgres`, whose user of that name needs no password. */
export async function startPostgres(): Promise<TestServer> {
  const bin = await binaries();
  const user = await unprivileged();
  return startServer({
    command: join(bin, "postgres"),
    args: (port, folder) => [
      ...["-D", folder, "-p", String(port), "-k", "", "-c", "listen_addresses=127.0.0.1"],
      // Tests kill the server, never the machine.
      ...["-c", "fsync=off", "-c", "shared_buffers=32MB", "-c", "max_connections=200"],
      // Who waits for each other is found out at once rather than after a second.
      ...["-c", "deadlock_timeout=50ms"],
    ],
    url: (port) => `postgres://postgres@127.0.0.1:${port}/postgres`,
    user,
    ready: async (port) => (await run(join(bin, "pg_isready"), ["-h", "127.0.0.1", "-p", String(port)])).code === 0,
    // Its immediate shutdown: nothing is written out, and the processes of its sessions go at once, too.
    crash: "SIGQUIT",
    prepare: async (folder) => {
      if (user !== undefined) await chown(folder, user.uid, user.gid);
      const args = ["-D", folder, "-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"];
      const made = await run(join(bin, "initdb"), args, { cwd: folder, ...(user === undefined ? {} : { user }) });
      if (made.code !== 0) throw new Error(`initdb ended with ${made.code}: ${made.stderr}`);
    },
  });
}

const DEBIAN = "/usr/lib/postgresql";

/** Debian keeps the programs of each version in a folder off the PATH; the newest is taken. Elsewhere they are on the PATH. */
async function binaries(): Promise<string> {
  const versions = await readdir(DEBIAN).catch(() => []);
  const newest = versions.sort((a, b) => Number(b) - Number(a))[0];
  return newest === undefined ? "" : join(DEBIAN, newest, "bin");
}

/** PostgreSQL refuses to run as root; its package brings a user for it. */
async function unprivileged(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const line = (await readFile("/etc/passwd", "utf8")).split("\n").find((entry) => entry.startsWith("postgres:"));
  const [, , uid, gid] = line?.split(":") ?? [];
  if (uid === undefined || gid === undefined)
    throw new Error("There is no user postgres to run PostgreSQL as: apt-get install postgresql.");
  return { uid: Number(uid), gid: Number(gid) };
}
