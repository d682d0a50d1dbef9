import { once } from "node:events";
import { link, rename, rm } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { dirname, join } from "node:path";
import { ConfigError } from "@stream-control/service-kit";
import { socketPathFor } from "../runners/socket-path.js";

/** The hold of one agent on its data folder; it ends with the process, however that ends. */
export interface DataDirLock {
  release(): Promise<void>;
}

const LOCK_FILE = "agent.sock";
/** Tries to take the lock from agents that are gone. */
const TRIES = 5;
/** Longest wait for the holder of a lock to say who it is. */
const ANSWER_MS = 1000;

/**
 * Takes the data folder for this agent alone. The lock is a socket that listens: whether its holder lives is asked of the
 * kernel, so that nothing stale is left by an agent that was killed, and two containers that share the folder see each
 * other. Where the folder cannot be written to, the socket is in the system's temporary folder instead.
 *
 * @throws ConfigError where another agent has it.
 */
export async function lockDataDir(dataDir: string, tmpdir: string): Promise<DataDirLock> {
  const near = await socketPathFor(dataDir, tmpdir, LOCK_FILE);
  const far = await socketPathFor(dataDir, tmpdir, LOCK_FILE, true).catch(() => near);
  for (const path of new Set([near, far])) await refuseWhereHeld(path, dataDir);
  return hold(near, dataDir).catch(async (thrown: unknown) => {
    if (thrown instanceof ConfigError || near === far) throw thrown;
    return hold(far, dataDir);
  });
}

async function refuseWhereHeld(path: string, dataDir: string): Promise<void> {
  const holder = await holderOf(path);
  if (holder === undefined) return;
  throw new ConfigError(
    `DATA_DIR ${dataDir} is in use by another agent (process ${holder}). Stop that one, or give this one a DATA_DIR of its own.`,
  );
}

async function hold(path: string, dataDir: string): Promise<DataDirLock> {
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.end(`${process.pid}\n`);
  });
  // Listening under a name of its own first: nobody ever finds a lock whose holder does not answer yet.
  const draft = join(dirname(path), `.${process.pid}`);
  await rm(draft, { force: true });
  await listen(server, draft);
  try {
    await take(draft, path, dataDir);
  } catch (thrown) {
    server.close();
    throw thrown;
  } finally {
    await rm(draft, { force: true });
  }
  server.unref();
  return {
    async release() {
      await rm(path, { force: true });
      server.close();
      await once(server, "close");
    },
  };
}

/** Gives the socket the common name, which what a killed agent left may still have. */
async function take(draft: string, path: string, dataDir: string): Promise<void> {
  const aside = `${draft}-`;
  for (let left = TRIES; left > 0; left--) {
    const taken = await link(draft, path).then(
      () => true,
      (thrown: unknown) => {
        if (thrown instanceof Error && "code" in thrown && thrown.code === "EEXIST") return false;
        throw thrown;
      },
    );
    if (taken) return;
    await refuseWhereHeld(path, dataDir);
    // Taken away before it is removed: between the look and now another agent may have put its own there.
    await rename(path, aside).catch(() => undefined);
    try {
      await refuseWhereHeld(aside, dataDir);
    } catch (thrown) {
      await link(aside, path).catch(() => undefined);
      throw thrown;
    } finally {
      await rm(aside, { force: true });
    }
  }
  throw new Error(`What an earlier agent left at ${path} could not be removed.`);
}

async function listen(server: Server, path: string): Promise<void> {
  server.listen(path);
  await once(server, "listening");
}

/** The process id of whoever listens there, or `unknown`; undefined where nobody does. */
async function holderOf(path: string): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const socket = connect(path);
  let said = "";
  let isThere = false;
  const timer = setTimeout(() => socket.destroy(), ANSWER_MS);
  socket.on("connect", () => {
    isThere = true;
  });
  socket.on("data", (data) => {
    said += data.toString();
  });
  socket.on("error", () => socket.destroy());
  socket.on("close", () => resolve(isThere ? said.trim() || "unknown" : undefined));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}
