import { ROLES, roleSchema } from "@stream-control/protocol";
import { createLogger } from "@stream-control/service-kit";
import { type AccessTables, ApiKeys } from "@stream-control/service-kit/access";
import { loadKeyRing } from "@stream-control/service-kit/secrets";
import { loadConfig } from "../config.js";
import { openDatabase } from "../store/open.js";

export const KEYS_USAGE = `       node dist/main.js keys create NAME [ROLE]  makes an API key for every room, for whoever lost the last one; ROLE is
                                                 one of ${ROLES.join(", ")}; admin unless given`;

/**
 * The command about API keys, on the database of a service that is stopped.
 *
 * @param say writes a line for whoever started it.
 * @returns false for a command that there is none of.
 * @throws ConfigError, StoreError, SealError with a sentence that says what to do.
 */
export async function keysCommand(
  [command, name, given = "admin", ...more]: readonly string[],
  env: Record<string, string | undefined>,
  say: (line: string) => void,
): Promise<boolean> {
  const role = roleSchema.safeParse(given);
  if (command !== "create" || name === undefined || !role.success || more.length > 0) return false;
  const { orchestrator, keys } = loadConfig(env);
  const logger = createLogger({ name: "keys", level: "error" });
  const ring = loadKeyRing(keys, orchestrator.dataDir);
  const { store } = await openDatabase({ dataDir: orchestrator.dataDir, ring, logger });
  try {
    const all = new ApiKeys(store.part<AccessTables>(), logger, () => new Date());
    const { key } = await all.create({ name, grants: { "*": role.data }, createdBy: null });
    say(key);
    return true;
  } finally {
    await store.close();
  }
}
