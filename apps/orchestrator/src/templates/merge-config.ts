import type { JsonObject } from "@stream-control/protocol";

/** Merges overrides into a config: objects field by field, anything else (lists too) as a whole. */
export function mergeConfig(base: JsonObject, overrides: JsonObject): JsonObject {
  // Without a prototype, a field named `__proto__` is a field like any other.
  const merged: JsonObject = Object.assign(Object.create(null), base);
  for (const [key, value] of Object.entries(overrides)) {
    const before = merged[key];
    merged[key] = isObject(before) && isObject(value) ? mergeConfig(before, value) : value;
  }
  return merged;
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
