import { DESTINATION_PRESETS, parseStreamConfig, platformWarnings } from "@stream-control/protocol";
import type { Json, JsonObject } from "../schema-form/schema.js";
import { Field } from "../ui/field.js";
import styles from "./new-stream.module.css";

/** Adds a destination with what a platform wants filled in; its key is asked for below. */
export function AddPlatform({ onAdd }: { onAdd: (destination: Json) => void }) {
  return (
    <Field label="Add a platform">
      {(control) => (
        <select
          {...control}
          value=""
          onChange={({ target }) => {
            const preset = DESTINATION_PRESETS.find(({ id }) => id === target.value);
            const url = preset?.urls[0]?.url;
            if (preset !== undefined)
              onAdd({ type: preset.type, preset: preset.id, id: preset.id, ...(url === undefined ? {} : { url }) });
          }}
        >
          <option value="">Choose…</option>
          {DESTINATION_PRESETS.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** What the platforms of a config's destinations will not take, or will not like. */
export function PlatformWarnings({ config }: { config: JsonObject }) {
  const parsed = parseStreamConfig(config);
  const warnings = parsed.ok ? platformWarnings(parsed.value.config) : [];
  if (warnings.length === 0) return null;
  return (
    <section className={styles.panel} aria-labelledby="platform-warnings">
      <h2 id="platform-warnings">Worth knowing</h2>
      <ul>
        {warnings.map(({ destination, message }) => (
          <li key={`${destination} ${message}`}>{message}</li>
        ))}
      </ul>
    </section>
  );
}
