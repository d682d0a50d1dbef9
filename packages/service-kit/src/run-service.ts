import { ConfigError } from "./config.js";
import { toError } from "./errors.js";
import type { Logger } from "./logger.js";

/** A service that has been started. */
export interface RunningService {
  stop(): Promise<void>;
  /** Takes over what has been renewed on disk, such as a certificate. */
  reload?(): Promise<void>;
}

/**
 * The life of a service's process: start it, stop it gracefully on the first SIGTERM or SIGINT (exit 0), at once on the
 * second (128 + the signal's number, as shells count). A wrong configuration ends it with exit 78 (`EX_CONFIG` of
 * sysexits.h) and one sentence; any other failure to start with exit 1. SIGHUP makes it look for renewed files.
 *
 * @param start builds and starts the service.
 * @param logger made by the caller, because the service may not even come as far as its own.
 */
export async function runService(start: () => Promise<RunningService>, logger: Logger): Promise<void> {
  const stopped = Promise.withResolvers<void>();
  let signals = 0;
  for (const [signal, number] of [
    ["SIGINT", 2],
    ["SIGTERM", 15],
  ] as const)
    process.on(signal, () => {
      signals += 1;
      if (signals > 1) process.exit(128 + number);
      logger.info({ signal }, "stopping");
      stopped.resolve();
    });

  try {
    const service = await start();
    process.on("SIGHUP", () => {
      logger.info({ signal: "SIGHUP" }, "reloading");
      service.reload?.().catch((thrown: unknown) => logger.error({ err: toError(thrown) }, "the reload failed"));
    });
    await stopped.promise;
    await service.stop();
    logger.info("stopped");
    process.exit(0);
  } catch (thrown) {
    // The sentence is for whoever started it by hand; the log keeps what an engineer needs.
    process.stderr.write(`${toError(thrown).message}\n`);
    if (thrown instanceof ConfigError) process.exit(78);
    logger.fatal({ err: toError(thrown) }, "ended by an error");
    process.exit(1);
  }
}
