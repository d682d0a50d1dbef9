import { ConfigError, type Logger } from "@stream-control/service-kit";
import type { Access } from "@stream-control/service-kit/access";
import type { Routes } from "@stream-control/service-kit/app";
import type { EventLog } from "@stream-control/service-kit/audit";
import type { Store } from "@stream-control/store";
import type { RequestHandler } from "express";
import { RENDERS_PATH } from "../renders/http.js";
import type { Tables } from "../store/tables.js";
import type { Values } from "./catalogue.js";
import { ConfigurationRows } from "./configuration-rows.js";
import { ConfigurationDesk } from "./desk.js";
import { type ConfigurationFile, readConfigurationFile } from "./file.js";
import { configurationRoutes } from "./routes.js";
import { Settings } from "./settings.js";

/** Where settings come from, beside the store. */
export interface ConfigurationOptions {
  /** Wins over everything else. */
  environment?: Values;
  file?: ConfigurationFile;
}

export interface ConfigurationDeps {
  access: Access;
  readBody: RequestHandler;
  store: Store<Tables>;
  log: EventLog;
  options: ConfigurationOptions;
  logger: Logger;
  now: () => Date;
}

export interface ConfigurationParts {
  readonly settings: Settings;
  readonly routes: Routes;
  /** Reads the file anew. A wrong one leaves what is in force as it is, and the log says why. */
  reload(): Promise<void>;
}

/**
 * The settings in force, with what was set before the last stop.
 *
 * @throws ConfigError for a file that is wrong.
 */
export async function assembleConfiguration(deps: ConfigurationDeps): Promise<ConfigurationParts> {
  const { access, readBody, store, log, logger, now, options } = deps;
  const file = await readConfigurationFile(options.file);
  const settings = new Settings({ file, environment: options.environment ?? new Map() }, logger);
  const desk = new ConfigurationDesk({ settings, rows: new ConfigurationRows(store.db), store, log, now });
  await desk.load();
  return {
    settings,
    routes: [[RENDERS_PATH, configurationRoutes({ access, readBody, desk })]],
    async reload() {
      try {
        settings.change({ file: await readConfigurationFile(options.file) });
      } catch (thrown) {
        if (!(thrown instanceof ConfigError)) throw thrown;
        logger.error(thrown.message);
      }
    },
  };
}
