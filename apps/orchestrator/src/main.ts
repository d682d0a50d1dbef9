import { createLogger, runCommand, runService } from "@stream-control/service-kit";
import { loadKeyRing } from "@stream-control/service-kit/secrets";
import { loadConfig } from "./config.js";
import { Orchestrator } from "./orchestrator.js";
import { SECRETS_USAGE, secretsCommand } from "./secrets/command.js";

/** The service as a process, or a command about its data; configured by its environment alone. */
const [command, ...words] = process.argv.slice(2);

if (command !== undefined)
  await runCommand(async (say) => command === "secrets" && secretsCommand(words, process.env, say), SECRETS_USAGE);

await runService(
  async () => {
    const { orchestrator: options, keys, logLevel } = loadConfig(process.env);
    const orchestrator = new Orchestrator({
      ...options,
      keys: loadKeyRing(keys, options.dataDir),
      logger: createLogger({ name: "orchestrator", level: logLevel }),
    });
    await orchestrator.start();
    return orchestrator;
  },
  createLogger({ name: "orchestrator" }),
);
