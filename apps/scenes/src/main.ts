import { createLogger, runService } from "@stream-control/service-kit";
import { loadConfig } from "./config.js";
import { Scenes } from "./scenes.js";

/** The service as a process: configured by its environment alone. */
await runService(
  async () => {
    const { scenes: options, logLevel, warnings } = loadConfig(process.env);
    const logger = createLogger({ name: "scenes", level: logLevel });
    for (const warning of warnings) logger.warn(warning);
    const scenes = new Scenes({ ...options, onFirstKey: showFirstKey, logger });
    await scenes.start();
    return scenes;
  },
  createLogger({ name: "scenes" }),
);

/** On stderr, for whoever started the service; never through the log, which others read and keep. */
function showFirstKey(key: string): void {
  process.stderr.write(
    `\nNobody could get in yet, so this admin key was made. It is shown only this once:\n\n  ${key}\n\n`,
  );
}
