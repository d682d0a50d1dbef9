import { createLogger, runService } from "@stream-control/service-kit";
import { loadConfig } from "./config.js";
import { Orchestrator } from "./orchestrator.js";

/** The service as a process: configured by its environment alone. */
await runService(
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
