import { createLogger, runService } from "@stream-control/service-kit";
import { auditCommand } from "./audit/command.js";
import { loadAuditConfig, loadConfig } from "./config.js";
import { Orchestrator } from "./orchestrator.js";

/** The service as a process: configured by its environment alone. */
const serve = () =>
  runService(
    async () => {
      const { orchestrator: options, logLevel, warnings } = loadConfig(process.env);
      const logger = createLogger({ name: "orchestrator", level: logLevel });
      for (const warning of warnings) logger.warn(warning);
      const orchestrator = new Orchestrator({ ...options, onFirstKey: showFirstKey, logger });
      await orchestrator.start();
      return orchestrator;
    },
    createLogger({ name: "orchestrator" }),
  );

const [command, ...args] = process.argv.slice(2);
if (command === "audit") {
  const { stdout, stderr } = process;
  process.exitCode = await auditCommand(args, { ...loadAuditConfig(process.env), stdout, stderr });
} else await serve();

/** On stderr, for whoever started the service; never through the log, which others read and keep. */
function showFirstKey(key: string): void {
  process.stderr.write(
    `\nNobody could get in yet, so this admin key was made. It is shown only this once:\n\n  ${key}\n\n`,
  );
}
