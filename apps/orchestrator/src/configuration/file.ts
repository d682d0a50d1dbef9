import { readFile } from "node:fs/promises";
import { describeIssues } from "@stream-control/protocol";
import { ConfigError, toError } from "@stream-control/service-kit";
import { parseLayer, type Values } from "./catalogue.js";

/** Where settings may be written down. */
export interface ConfigurationFile {
  path: string;
  /** It was named, so that it is a mistake where it is missing. */
  required: boolean;
}

/** Looked at where no other file is named. */
export const USUAL_FILE: ConfigurationFile = { path: "./config/orchestrator.json", required: false };

/**
 * Reads the layer of the file.
 *
 * @returns no values where it is missing and need not be there.
 * @throws ConfigError that lists every mistake.
 */
export async function readConfigurationFile(file: ConfigurationFile | undefined): Promise<Values> {
  if (file === undefined) return new Map();
  const { path, required } = file;
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, "utf8"));
  } catch (thrown) {
    const error = toError(thrown);
    if (!required && "code" in error && error.code === "ENOENT") return new Map();
    throw new ConfigError(`The settings in ${path} cannot be read: ${error.message}. Correct or remove the file.`, {
      cause: error,
    });
  }
  const layer = parseLayer(json);
  if ("values" in layer) return layer.values;
  throw new ConfigError(`The settings in ${path} are wrong: ${describeIssues(layer.issues)}. Correct these fields.`);
}
