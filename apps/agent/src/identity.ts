import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

const ID_FILE = "agent-id";
const ID_FORM = /^agent-[0-9a-f]{12}$/;

/** The agent's id: made at its first start and kept in its data folder, so that the orchestrator knows it again. */
export async function stableAgentId(dataDir: string): Promise<string> {
  await mkdir(dataDir, { recursive: true });
  const file = join(dataDir, ID_FILE);
  const kept = await readFile(file, "utf8").catch(() => "");
  if (ID_FORM.test(kept.trim())) return kept.trim();
  const id = `agent-${randomBytes(6).toString("hex")}`;
  await writeFile(`${file}.new`, `${id}\n`);
  await rename(`${file}.new`, file);
  return id;
}
