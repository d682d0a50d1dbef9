import { createLogger } from "@stream-control/service-kit";
import { generateKey, loadKeyRing } from "@stream-control/service-kit/secrets";
import { StoreError } from "@stream-control/store";
import { loadConfig } from "../config.js";
import { openDatabase } from "../store/open.js";
import { rotate } from "./rotation.js";

/** Lines for the usage of the program. */
export const SECRETS_USAGE = `       node dist/main.js secrets generate-key   prints a new key for SECRETS_KEY
       node dist/main.js secrets rotate         encrypts everything in DATA_DIR with the first key`;

/**
 * The commands about keys, with the service's own variables.
 *
 * @param say writes a line for whoever started it.
 * @returns false for a command that there is none of.
 * @throws ConfigError, StoreError, SealError with a sentence that says what to do.
 */
export async function secretsCommand(
  [command]: readonly string[],
  env: Record<string, string | undefined>,
  say: (line: string) => void,
): Promise<boolean> {
  switch (command) {
    case "generate-key":
      say(generateKey());
      return true;
    case "rotate":
      await rotateAll(env, say);
      return true;
    default:
      return false;
  }
}

async function rotateAll(env: Record<string, string | undefined>, say: (line: string) => void): Promise<void> {
  const { orchestrator, keys } = loadConfig(env);
  const { dataDir } = orchestrator;
  const ring = loadKeyRing(keys, dataDir);
  // Warnings that it is itself the answer to need not be read.
  const logger = createLogger({ name: "secrets", level: "error" });
  const { store, sealed } = await openDatabase({ dataDir, ring, logger }).catch((thrown: unknown) => {
    if (thrown instanceof StoreError && /in use/.test(thrown.message))
      throw new StoreError(
        `${thrown.message} A rotation needs the orchestrator to be stopped; streams that are on air go on meanwhile.`,
        { cause: thrown },
      );
    throw thrown;
  });
  try {
    say(`Encrypting with the key ${ring.sealingKeyId}. This may be interrupted and run again.`);
    const { resealed, verified } = await rotate(store, sealed, ({ table, rows, of }) =>
      say(`${table}: ${rows} of ${of} rows`),
    );
    say(`${resealed} values were encrypted anew; all ${verified} open with the key ${ring.sealingKeyId}.`);
    if (ring.keyIds.length > 1) say(`Take the others out of the settings: ${ring.keyIds.slice(1).join(", ")}.`);
  } finally {
    await store.close();
  }
}
