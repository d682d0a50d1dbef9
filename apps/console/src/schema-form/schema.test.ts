import { expect, test } from "@jest/globals";
import { jsonSchemas } from "@stream-control/protocol";
import { isSecretName, labelOf } from "./labels.js";
import { initialOf, kindOf, type Schema, takesNull } from "./schema.js";

const ROOT = jsonSchemas()["stream-config"] as Schema;

/** Every schema that the form of a stream's config comes by, with its path. */
function* fields(schema: Schema, path: string, depth = 0): Generator<[string, Schema]> {
  yield [path, schema];
  const kind = kindOf(schema, ROOT);
  if (depth > 8) return;
  if (kind?.kind === "object")
    for (const [name, each] of kind.properties)
      if (each.const === undefined) yield* fields(each, `${path}.${name}`, depth + 1);
  if (kind?.kind === "variant")
    for (const [name, each] of kind.variants) yield* fields(each, `${path}(${name})`, depth + 1);
  if (kind?.kind === "list") yield* fields(kind.items, `${path}[]`, depth + 1);
}

test("the form can ask for everything that a stream's config takes", () => {
  const all = [...fields(ROOT, "")];
  expect(all.length).toBeGreaterThan(100);
  expect(all.filter(([, schema]) => kindOf(schema, ROOT) === undefined).map(([path]) => path)).toEqual([]);
});

test("choices, variants, bounds and units are read from the schema", () => {
  const byPath = new Map(fields(ROOT, ""));
  const kind = (path: string) => kindOf(byPath.get(path) ?? {}, ROOT);
  expect(kind(".source")).toMatchObject({ kind: "variant", by: "type" });
  expect(kind(".audio.channels")).toEqual({ kind: "choice", options: [1, 2] });
  expect(kind(".video.width")).toEqual({ kind: "number", minimum: 16, maximum: 7680, step: 1 });
  expect(takesNull(byPath.get(".monitoring.alarms.blackMs") ?? {}, ROOT)).toBe(true);
  expect(initialOf(byPath.get(".source") ?? {}, ROOT)).toEqual({ type: "rtmp" });
  expect(["returnAfterMs", "bitrateKbps", "url", "gopSeconds"].map(labelOf)).toEqual([
    "Return after (ms)",
    "Bitrate (kbit/s)",
    "Address",
    "Keyframe every (s)",
  ]);
  expect(["streamKey", "passphrase", "url"].map(isSecretName)).toEqual([true, true, false]);
});
