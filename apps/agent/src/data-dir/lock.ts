import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdir, rename, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ConfigError } from "@stream-control/service-kit";
import { MAX_SOCKET_PATH_BYTES, privateFolder } from "../runners/socket-path.js";
import { askHolder } from "./ask-holder.js";

/** The hold of one agent on its data folder; it ends with the process, however that ends. */
export interface DataDirLock {
  release(): Promise<void>;
}

/** Where the claims on a data folder are: sockets whose names begin with the prefix. */
interface Place {
  folder: string;
  prefix: string;
}

interface Claim extends DataDirLock {
  name: string;
  /** From now on whoever asks is told that the folder is taken. */
  hold(): void;
}

const NAME_BYTES = 6;
const POLL_MS = 20;
/** Longest wait for another agent that is just starting to go away or to have the folder. */
const DECISION_MS = 5000;

/**
 * Takes the data folder for this agent alone.
 *
 * A claim is a socket that listens, under a name that is never used again: whether whoever made it lives is asked of the
 * kernel, so that a killed agent leaves nothing that counts, and containers that share the folder see each other. Of those
 * that start together the lowest name wins. Each makes its claim before it looks for others, so of two at least one sees
 * the other: one that sees a lower one goes; one that sees a higher one waits until that has gone, or has the folder
 * because it had looked before.
 *
 * Where nothing can be written to the folder, the claim is in the system's temporary folder.
 *
 * @throws ConfigError where another agent has it.
 */
export async function lockDataDir(dataDir: string, tmpdir: string): Promise<DataDirLock> {
  const hash = createHash("sha256").update(dataDir).digest("hex").slice(0, 16);
  const near: Place = { folder: dataDir, prefix: "agent-" };
  const far: Place = { folder: await privateFolder(tmpdir), prefix: `${hash}-` };
  const claim = await makeClaim(near).catch(() => makeClaim(far));
  try {
    await win(claim.name, [near, far], dataDir);
  } catch (thrown) {
    await claim.release();
    throw thrown;
  }
  claim.hold();
  return claim;
}

async function makeClaim({ folder, prefix }: Place): Promise<Claim> {
  const name = randomBytes(NAME_BYTES).toString("hex");
  const path = pathOf({ folder, prefix }, name);
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) throw new Error("The path of the lock is too long.");
  let state = "starting";
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.end(`${state} ${process.pid}\n`);
  });
  // It appears under its name only once it listens: until then it would pass for one that a killed agent has left.
  const draft = join(folder, `.${name}`);
  server.listen(draft);
  await once(server, "listening");
  await rename(draft, path);
  server.unref();
  return {
    name,
    hold() {
      state = "held";
    },
    async release() {
      await rm(path, { force: true });
      server.close();
      await once(server, "close");
    },
  };
}

const pathOf = ({ folder, prefix }: Place, name: string) => join(folder, `${prefix}${name}.sock`);

/** Settles when no other claim is in the way. @throws ConfigError where one is. */
async function win(own: string, places: readonly Place[], dataDir: string): Promise<void> {
  const deadline = performance.now() + DECISION_MS;
  for (const { path, name } of await claims(places)) {
    if (name === own) continue;
    for (;;) {
      const holder = await askHolder(path);
      if (holder === undefined) {
        await rm(path, { force: true }).catch(() => undefined);
        break;
      }
      if (!holder.isStarting || name < own || performance.now() > deadline)
        throw new ConfigError(
          `DATA_DIR ${dataDir} is in use by another agent (process ${holder.pid}). Stop that one, or give this one a DATA_DIR of its own.`,
        );
      await delay(POLL_MS);
    }
  }
}

async function claims(places: readonly Place[]): Promise<{ path: string; name: string }[]> {
  const found = await Promise.all(
    places.map(async (place) => {
      const names = await readdir(place.folder).catch(() => []);
      const ours = names.filter((name) => name.startsWith(place.prefix) && name.endsWith(".sock"));
      return ours.map((name) => ({
        path: join(place.folder, name),
        name: name.slice(place.prefix.length, -".sock".length),
      }));
    }),
  );
  return found.flat();
}
