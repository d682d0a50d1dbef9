import { createLogger, runService } from "@stream-control/service-kit";
import { loadConfig } from "./config.js";
import { Orchestrator } from "./orchestrator.js";

/** The service as a process: configured by its environment alone. */
await runService(
  async () => {
    const { orchestrator: options, logLevel, warnings } = loadConfig(process.env);
    const logger = createLogger({ name: "orchestrator", level: logLevel });
    for (const warning of warnings) logger.warn(warning);
    const orchestrator = new Orchestrator({ ...options, logger });
    await orchestrator.start();
    return orchestrator;
  },
  createLogger({ name: "orchestrator" }),
);
