import {
  type Configuration,
  type ConfigurationValue,
  configurationFileSchema,
  configurationSchema,
  DEFAULT_RENDER_TIMEOUT_MS,
  type Issue,
  type JsonObject,
  parseWith,
} from "@stream-control/protocol";

/** Values by path, such as `orchestration.maxConcurrentJobs`. */
export type Values = ReadonlyMap<string, ConfigurationValue>;

/** What counts where nothing else is said. */
export const DEFAULT_CONFIGURATION: Configuration = {
  orchestration: {
    maxConcurrentJobs: 50,
    defaultTimeout: DEFAULT_RENDER_TIMEOUT_MS,
    priorityWeights: { low: 1, normal: 2, high: 3, critical: 4 },
  },
  loadBalancing: { strategy: "least_loaded", healthCheckInterval: 30_000, failoverThreshold: 0.8 },
  resources: { autoScalingEnabled: true, resourceReservationTimeout: 30_000, optimizationInterval: 300_000 },
  resilience: { circuitBreakerEnabled: true, retryEnabled: true, failoverEnabled: true },
  analytics: { enabled: true, predictionEnabled: true },
};

/** Every setting with the variable that wins over all other layers. */
export const VARIABLES: Readonly<Record<string, string>> = {
  "orchestration.maxConcurrentJobs": "MAX_CONCURRENT_JOBS",
  "orchestration.defaultTimeout": "DEFAULT_TIMEOUT",
  "orchestration.priorityWeights.low": "PRIORITY_WEIGHTS",
  "orchestration.priorityWeights.normal": "PRIORITY_WEIGHTS",
  "orchestration.priorityWeights.high": "PRIORITY_WEIGHTS",
  "orchestration.priorityWeights.critical": "PRIORITY_WEIGHTS",
  "loadBalancing.strategy": "LOAD_BALANCING_STRATEGY",
  "loadBalancing.healthCheckInterval": "HEALTH_CHECK_INTERVAL",
  "loadBalancing.failoverThreshold": "FAILOVER_THRESHOLD",
  "resources.autoScalingEnabled": "AUTO_SCALING_ENABLED",
  "resources.resourceReservationTimeout": "RESOURCE_RESERVATION_TIMEOUT",
  "resources.optimizationInterval": "OPTIMIZATION_INTERVAL",
  "resilience.circuitBreakerEnabled": "CIRCUIT_BREAKER_ENABLED",
  "resilience.retryEnabled": "RETRY_ENABLED",
  "resilience.failoverEnabled": "FAILOVER_ENABLED",
  "analytics.enabled": "ANALYTICS_ENABLED",
  "analytics.predictionEnabled": "PREDICTION_ENABLED",
};

/** Sections as values by path; null stays null, what is undefined is left out. */
export function flatten(sections: object, prefix = ""): Map<string, ConfigurationValue | null> {
  const flat = new Map<string, ConfigurationValue | null>();
  for (const [name, value] of Object.entries(sections)) {
    const path = prefix === "" ? name : `${prefix}.${name}`;
    if (value === undefined) continue;
    if (typeof value !== "object") flat.set(path, value);
    else if (value !== null) for (const [below, inner] of flatten(value, path)) flat.set(below, inner);
    else for (const leaf of pathsBelow(path)) flat.set(leaf, null);
  }
  return flat;
}

/** A setting itself, or every setting of a section. */
const pathsBelow = (path: string): string[] =>
  Object.keys(VARIABLES).filter((known) => known === path || known.startsWith(`${path}.`));

/** Values by path as sections. */
export function nest(values: Iterable<readonly [path: string, value: ConfigurationValue]>): JsonObject {
  const root: JsonObject = {};
  for (const [path, value] of values) {
    const names = path.split(".");
    const last = names.pop() ?? path;
    let section = root;
    for (const name of names) {
      section[name] ??= {};
      section = section[name] as JsonObject;
    }
    section[last] = value;
  }
  return root;
}

export const DEFAULT_VALUES: Values = flatten(DEFAULT_CONFIGURATION) as Values;

/** Layers on top of each other, a later one winning, as the configuration that they make. */
export function inForce(layers: readonly Values[]): Configuration {
  const merged = new Map(layers.flatMap((layer) => [...layer]));
  return configurationSchema.parse(nest(merged));
}

/**
 * Reads a layer out of JSON.
 *
 * @returns the mistakes, all of them, in place of the values where there are any.
 */
export function parseLayer(json: unknown): { values: Values } | { issues: Issue[] } {
  const parsed = parseWith(configurationFileSchema, json);
  return parsed.ok ? { values: flatten(parsed.value) as Values } : { issues: parsed.issues };
}

/** What of a layer is known and right; a newer or older version may have kept what this one does not know. */
export function knownIn(layer: JsonObject): Values {
  const known = new Map<string, ConfigurationValue>();
  for (const [path, value] of Object.entries(layer)) {
    if (!Object.hasOwn(VARIABLES, path)) continue;
    const parsed = parseLayer(nest([[path, value as ConfigurationValue]]));
    if ("values" in parsed) for (const entry of parsed.values) known.set(...entry);
  }
  return known;
}
