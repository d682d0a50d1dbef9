import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { ConfigError } from "../config.js";
import { KeyRing } from "./key-ring.js";
import { generateKey, parseKeys } from "./parse-keys.js";

/** The variables that say where the keys are, for a service's own list of variables. */
export const secretsVariables = {
  SECRETS_KEY: z.string().optional(),
  SECRETS_KEY_FILE: z.string().optional(),
  SECRETS_KEY_IN_DATA_DIR: z
    .enum(["true", "false"], { message: "must be true or false" })
    .default("false")
    .transform((value) => value === "true"),
} as const;

/** Where a service has its keys. */
export interface KeySettings {
  SECRETS_KEY?: string | undefined;
  SECRETS_KEY_FILE?: string | undefined;
  SECRETS_KEY_IN_DATA_DIR: boolean;
}

/** @throws ConfigError where the keys are given twice. */
export function requireOneSource({ SECRETS_KEY, SECRETS_KEY_FILE }: KeySettings): void {
  if (SECRETS_KEY !== undefined && SECRETS_KEY_FILE !== undefined)
    throw new ConfigError("The configuration is wrong: SECRETS_KEY and SECRETS_KEY_FILE are both given. Unset one.");
}

/** Name of the key file that a service makes for itself. */
export const OWN_KEY_FILE = "secrets.key";

/**
 * The key ring of a service: from its variables, or from a file of its own in its data folder, which is made where it is
 * missing.
 *
 * @throws ConfigError where a key is wrong or its file cannot be read.
 */
export function loadKeyRing(settings: KeySettings, dataDir: string): KeyRing {
  if (settings.SECRETS_KEY !== undefined) return new KeyRing(parseKeys(settings.SECRETS_KEY, "SECRETS_KEY"));
  if (settings.SECRETS_KEY_FILE !== undefined)
    return new KeyRing(parseKeys(read(settings.SECRETS_KEY_FILE, "SECRETS_KEY_FILE"), "The file of SECRETS_KEY_FILE"));
  return ownKeyRing(dataDir);
}

/** The key ring of a data folder's own key file, readable by the service's user alone; made where it is missing. */
export function ownKeyRing(dataDir: string): KeyRing {
  const file = join(dataDir, OWN_KEY_FILE);
  if (statSync(file, { throwIfNoEntry: false }) === undefined) makeKeyFile(dataDir, file);
  return new KeyRing(parseKeys(read(file, "The key file"), file));
}

function read(file: string, name: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (thrown) {
    throw new ConfigError(
      `${name} (${file}) cannot be read (${symbolOf(thrown)}). Check that it exists and that this user may read it.`,
    );
  }
}

/** Whole or not at all, and never over one that another process has just made: what is sealed with a lost key is lost. */
function makeKeyFile(dataDir: string, file: string): void {
  const draft = `${file}.${process.pid}.new`;
  try {
    mkdirSync(dataDir, { recursive: true });
    const handle = openSync(draft, "w", 0o600);
    try {
      writeSync(
        handle,
        `# Encrypts the secrets in this folder's database. Whoever has both can read them.\n${generateKey()}\n`,
      );
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    linkSync(draft, file);
  } catch (thrown) {
    const code = symbolOf(thrown);
    if (code !== "EEXIST")
      throw new ConfigError(
        `The key file ${file} cannot be made (${code}). Check that its folder may be written, or give SECRETS_KEY.`,
      );
  } finally {
    rmSync(draft, { force: true });
  }
}

/** The system's symbol for what went wrong, such as `ENOENT`. */
function symbolOf(thrown: unknown): string {
  const code: unknown = typeof thrown === "object" && thrown !== null ? Reflect.get(thrown, "code") : undefined;
  return typeof code === "string" ? code : "unknown";
}
