import { createLogger, runService } from "@stream-control/service-kit";
import { auditCommand } from "./audit/command.js";
import { loadAuditConfig, loadConfig } from "./config.js";
import { Orchestrator } from "./orchestrator.js";

/** The service as a process: configured by its environment alone. */
const serve = () =>
  runService(
    async () => {
      const { orchestrator: options, logLevel } = loadConfig(process.env);
      const orchestrator = new Orchestrator({
        ...options,
        logger: createLogger({ name: "orchestrator", level: logLevel }),
      });
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
