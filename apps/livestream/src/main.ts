import { createLogger, runService } from "@stream-control/service-kit";
import { loadConfig } from "./config.js";
import { Livestream } from "./livestream.js";

/** The service as a process: configured by its environment alone. */
await runService(
  async () => {
    const { livestream: options, logLevel, warnings } = loadConfig(process.env);
    const logger = createLogger({ name: "livestream", level: logLevel });
    for (const warning of warnings) logger.warn(warning);
    const livestream = new Livestream({ ...options, onFirstKey: showFirstKey, logger });
    await livestream.start();
    return livestream;
  },
  createLogger({ name: "livestream" }),
);

/** On stderr, for whoever started the service; never through the log, which others read and keep. */
function showFirstKey(key: string): void {
  process.stderr.write(
    `\nNobody could get in yet, so this admin key was made. It is shown only this once:\n\n  ${key}\n\n`,
  );
}
