import { createLogger, runCommand, runService } from "@stream-control/service-kit";
import { loadKeyRing } from "@stream-control/service-kit/secrets";
import { KEYS_USAGE, keysCommand } from "./access/command.js";
import { auditCommand } from "./audit/command.js";
import { loadAuditConfig, loadConfig } from "./config.js";
import { Orchestrator } from "./orchestrator.js";
import { SECRETS_USAGE, secretsCommand } from "./secrets/command.js";

/** The service as a process: configured by its environment alone. */
const serve = () =>
  runService(
    async () => {
      const { orchestrator: options, keys, logLevel, warnings } = loadConfig(process.env);
      const logger = createLogger({ name: "orchestrator", level: logLevel });
      for (const warning of warnings) logger.warn(warning);
      const orchestrator = new Orchestrator({
        ...options,
        keys: loadKeyRing(keys, options.dataDir),
        onFirstKey: showFirstKey,
        logger,
      });
      await orchestrator.start();
      return orchestrator;
    },
    createLogger({ name: "orchestrator" }),
  );

const USAGE = `Usage: node dist/main.js              runs the service
       node dist/main.js audit …      looks into the event log
${SECRETS_USAGE}
${KEYS_USAGE}`;

const [command, ...args] = process.argv.slice(2);
if (command === undefined) await serve();
else if (command === "audit") {
  const { stdout, stderr } = process;
  process.exitCode = await auditCommand(args, { ...loadAuditConfig(process.env), stdout, stderr });
} else
  await runCommand(async (say) => {
    if (command === "secrets") return secretsCommand(args, process.env, say);
    return command === "keys" && keysCommand(args, process.env, say);
  }, USAGE);

/** On stderr, for whoever started the service; never through the log, which others read and keep. */
function showFirstKey(key: string): void {
  process.stderr.write(
    `\nNobody could get in yet, so this admin key was made. It is shown only this once:\n\n  ${key}\n\n`,
  );
}
