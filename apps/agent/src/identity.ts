import { randomBytes } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError } from "@stream-control/service-kit";
import { fileProblem } from "./data-dir/file-problem.js";

const ID_FILE = "agent-id";
const ID_FORM = /^agent-[0-9a-f]{12}$/;

/**
 * The agent's id: made at its first start and kept in its data folder, so that the orchestrator knows it again.
 *
 * @throws ConfigError where there is none yet and it cannot be kept.
 */
export async function stableAgentId(dataDir: string): Promise<string> {
  const file = join(dataDir, ID_FILE);
  const kept = await readFile(file, "utf8").catch(() => "");
  if (ID_FORM.test(kept.trim())) return kept.trim();
  const id = `agent-${randomBytes(6).toString("hex")}`;
  try {
    await writeFile(`${file}.new`, `${id}\n`, { flush: true });
    await rename(`${file}.new`, file);
  } catch (thrown) {
    throw new ConfigError(
      `The agent's id cannot be kept: DATA_DIR ${dataDir} ${fileProblem(thrown)}. Make it writable, or set AGENT_ID.`,
    );
  }
  return id;
}
