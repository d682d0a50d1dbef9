import {
  CONFIGURATION_LAYERS,
  type ConfigurationReply,
  type ConfigurationValue,
  type JsonObject,
} from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import type { EventLog } from "@stream-control/service-kit/audit";
import { currentCaller } from "@stream-control/service-kit/http";
import type { Store } from "@stream-control/store";
import type { Tables } from "../store/tables.js";
import { DEFAULT_VALUES, flatten, VARIABLES, type Values } from "./catalogue.js";
import type { ConfigurationRows, StoredConfiguration } from "./configuration-rows.js";
import type { Settings } from "./settings.js";

export interface ConfigurationDeskDeps {
  settings: Settings;
  rows: ConfigurationRows;
  store: Store<Tables>;
  log: EventLog;
  now: () => Date;
}

/** The version that a change was made from, and the error where it is another one by now. */
export interface Expected {
  version: number;
  code: "VERSION_CONFLICT" | "PRECONDITION_FAILED";
}

/** What operators see of the settings, and change. The only writer of the layer in the store. */
export class ConfigurationDesk {
  private stored: StoredConfiguration = { values: new Map(), version: 0, updatedAt: null };

  constructor(private readonly deps: ConfigurationDeskDeps) {}

  /** Puts what was set before the last stop in force. */
  async load(): Promise<void> {
    this.apply(await this.deps.rows.read());
  }

  show(): ConfigurationReply {
    const { settings } = this.deps;
    const { version, updatedAt } = this.stored;
    const paths = Object.keys(VARIABLES);
    const sources = Object.fromEntries(paths.map((path) => [path, this.sourceOf(path)]));
    return { version, updatedAt, ...settings.current, sources };
  }

  /**
   * Changes what is given; null takes it away. Resolves when it is on disk and in force. A value that is in force already
   * changes nothing, so that an answer may be sent back whole.
   *
   * @throws AppError by the code of `expected`.
   */
  async update(sections: JsonObject, expected?: Expected): Promise<ConfigurationReply> {
    const by = currentCaller();
    const { store, rows, log, now, settings } = this.deps;
    const wanted = flatten(sections);
    const written = await store.write(async (tx) => {
      const before = await rows.read(tx);
      if (expected !== undefined && expected.version !== before.version)
        throw new AppError(
          expected.code,
          `The configuration is at version ${before.version} by now; read it again and decide anew.`,
          { details: { version: before.version } },
        );
      const { values, changes } = withChanges(before.values, wanted, flatten(settings.current) as Values);
      if (Object.keys(changes).length === 0) return undefined;
      const after = { values, version: before.version + 1, updatedAt: now().toISOString() };
      await rows.write(tx, after);
      const data = { version: after.version, changes };
      const message = "The configuration was changed.";
      await log.append(tx, { by, type: "configuration.changed", subject: "service:orchestrator", message, data });
      return after;
    });
    // Writes run one after another, but whoever waits for them may hear of them in another order.
    if (written !== undefined && written.version > this.stored.version) this.apply(written);
    return { ...this.show(), overridden: this.overridden(wanted) };
  }

  private apply(stored: StoredConfiguration): void {
    this.stored = stored;
    this.deps.settings.change({ runtime: stored.values });
  }

  private sourceOf(path: string): ConfigurationReply["sources"][string] {
    const { layers } = this.deps.settings;
    const byLayer = { default: DEFAULT_VALUES, ...layers };
    const given = CONFIGURATION_LAYERS.flatMap((layer): [typeof layer, ConfigurationValue][] => {
      const value = byLayer[layer].get(path);
      return value === undefined ? [] : [[layer, value]];
    });
    const layer = given.at(-1)?.[0] ?? "default";
    const standing = DEFAULT_VALUES.get(path) ?? "";
    return { layer, variable: VARIABLES[path] ?? "", default: standing, ...Object.fromEntries(given) };
  }

  private overridden(wanted: ReadonlyMap<string, ConfigurationValue | null>): ConfigurationReply["overridden"] {
    const { environment } = this.deps.settings.layers;
    return [...wanted].flatMap(([path, value]) => {
      const variable = VARIABLES[path] ?? "";
      const held = environment.get(path);
      if (held === undefined || value === null || value === held) return [];
      return [{ path, variable, message: `${variable} is set and wins; unset it for this value to count.` }];
    });
  }
}

/** The layer after a change, and what changed in it for the event log. */
function withChanges(
  before: Values,
  wanted: ReadonlyMap<string, ConfigurationValue | null>,
  current: Values,
): { values: Values; changes: JsonObject } {
  const values = new Map(before);
  const changes: JsonObject = {};
  for (const [path, value] of wanted) {
    const old = before.get(path) ?? null;
    if (value === old || (value !== null && value === current.get(path))) continue;
    if (value === null) values.delete(path);
    else values.set(path, value);
    changes[path] = { from: old, to: value };
  }
  return { values, changes };
}
