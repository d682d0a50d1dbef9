import { existsSync } from "node:fs";
import { join } from "node:path";
import { type AuditCommandOptions, EventLog, LocalDesk, runAuditCommand } from "@stream-control/service-kit/audit";
import { openStore } from "@stream-control/store";
import { allMigrations } from "../store/migrations.js";
import { DATABASE_FILE, type Tables } from "../store/tables.js";
import { eraseRequesters } from "./requesters.js";

export interface OrchestratorAuditOptions extends Omit<AuditCommandOptions, "openDesk"> {
  dataDir: string;
}

/** `main.js audit …` on the orchestrator's database. @returns the exit code. */
export function auditCommand(
  args: readonly string[],
  { dataDir, ...options }: OrchestratorAuditOptions,
): Promise<number> {
  return runAuditCommand(args, { ...options, openDesk: () => openDesk(join(dataDir, DATABASE_FILE)) });
}

async function openDesk(file: string) {
  if (!existsSync(file))
    throw new Error(`There is no database ${file}. Set DATA_DIR to the orchestrator's data folder.`);
  try {
    const store = await openStore<Tables>({ file, migrations: allMigrations() });
    const log = new EventLog({ store });
    const elsewhere = eraseRequesters(store.db, () => undefined);
    return { desk: new LocalDesk({ store, log, elsewhere }), close: () => store.close() };
  } catch (cause) {
    if (!(cause instanceof Error) || !cause.message.includes("is in use")) throw cause;
    const hint = "The orchestrator is running: ask it with --url http://127.0.0.1:8080, or stop it first.";
    throw new Error(`${file} is in use. ${hint}`, { cause });
  }
}
