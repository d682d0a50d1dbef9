import { Button } from "../ui/button.js";
import { Field, Tick } from "../ui/field.js";
import { isSecretName, labelOf, optionName } from "./labels.js";
import {
  initialOf,
  isObject,
  type Json,
  type JsonObject,
  type Kind,
  kindOf,
  resolve,
  type Schema,
  takesNull,
} from "./schema.js";
import styles from "./schema-field.module.css";

export interface SchemaFieldProps {
  name: string;
  schema: Schema;
  root: Schema;
  value: Json;
  onChange: (value: Json) => void;
  /** Where it stands in the whole, as in `video.width`; problems are found by it. */
  path: string;
  problems: ReadonlyMap<string, string>;
  required?: boolean;
  /** Values that are offered for a text, by path. */
  suggestions?: Readonly<Record<string, readonly string[]>>;
  label?: string;
}

/** Asks for whatever a schema describes: a form within the form for objects, an input for the rest. */
export function SchemaField(props: SchemaFieldProps) {
  const { schema, root, value, onChange, name, label = labelOf(name), path, problems } = props;
  const kind = kindOf(schema, root);
  switch (kind?.kind) {
    case "object": {
      // What need not be there, and has no default, must not ask for its fields before somebody wants it.
      const mayBeAbsent = props.required !== true && resolve(schema, root).default === undefined;
      if (mayBeAbsent && value === undefined)
        return <Tick label={label} checked={false} onChange={() => onChange(initialOf(schema, root))} />;
      return (
        <fieldset className={styles.nested}>
          <legend>{label}</legend>
          {mayBeAbsent && <Tick label={label} checked onChange={() => onChange(undefined)} />}
          <ObjectFields {...props} value={value} />
        </fieldset>
      );
    }
    case "variant":
      return <VariantFields {...props} label={label} by={kind.by} variants={kind.variants} />;
    case "list":
      return <ListFields {...props} label={label} items={kind.items} atMost={kind.atMost} />;
    case "boolean": {
      const standard = resolve(schema, root).default === true;
      return <Tick label={label} checked={typeof value === "boolean" ? value : standard} onChange={onChange} />;
    }
    case "choice":
    case "number":
    case "text":
      return (
        <Field label={label} problem={problems.get(path)} hint={takesNull(schema, root) ? "Empty: never." : undefined}>
          {(control) => <Input {...props} control={control} kind={kind} />}
        </Field>
      );
    default:
      return null;
  }
}

/** The fields of an object, without a frame around them. */
export function ObjectFields(props: Omit<SchemaFieldProps, "name"> & { leaveOut?: readonly string[] }) {
  const { schema, root, value, onChange, path, leaveOut = [] } = props;
  const kind = kindOf(schema, root);
  if (kind?.kind !== "object") return null;
  const object = isObject(value) ? value : {};
  const set = (name: string, next: Json) => onChange(withField(object, name, next));
  return (
    <div className={styles.grid}>
      {kind.properties
        .filter(([name, each]) => each.const === undefined && !leaveOut.includes(name))
        .map(([name, each, required]) => (
          <div key={name} className={isWide(name, each, root) ? styles.wide : undefined}>
            <SchemaField
              {...props}
              name={name}
              schema={each}
              value={object[name]}
              onChange={(next) => set(name, next)}
              path={path === "" ? name : `${path}.${name}`}
              required={required}
              label={labelOf(name)}
            />
          </div>
        ))}
    </div>
  );
}

/** Addresses are long; what has fields of its own takes the whole width. */
function isWide(name: string, schema: Schema, root: Schema): boolean {
  const kind = kindOf(schema, root)?.kind;
  return name === "url" || name === "path" || kind === "object" || kind === "variant" || kind === "list";
}

/** An object with one field changed; a field without a value is absent. */
export function withField(object: JsonObject, name: string, value: Json): JsonObject {
  const { [name]: _, ...others } = object;
  return value === undefined ? others : { ...others, [name]: value };
}

function VariantFields(
  props: SchemaFieldProps & { label: string; by: string; variants: readonly (readonly [string, Schema])[] },
) {
  const { label, by, variants, value, onChange, required = false, path, problems } = props;
  const object = isObject(value) ? value : undefined;
  const chosen = typeof object?.[by] === "string" ? object[by] : "";
  const form = variants.find(([name]) => name === chosen)?.[1];
  return (
    <fieldset className={styles.nested}>
      <legend>{label}</legend>
      <Field label={labelOf(by)} problem={problems.get(path)}>
        {(control) => (
          <select
            {...control}
            value={chosen}
            required={required}
            onChange={({ target }) => onChange(target.value === "" ? undefined : { [by]: target.value })}
          >
            <option value="">{required ? "Choose…" : "None"}</option>
            {variants.map(([name]) => (
              <option key={name} value={name}>
                {optionName(name)}
              </option>
            ))}
          </select>
        )}
      </Field>
      {form !== undefined && <ObjectFields {...props} schema={form} value={object} />}
    </fieldset>
  );
}

function ListFields(props: SchemaFieldProps & { label: string; items: Schema; atMost: number }) {
  const { label, items, atMost, value, onChange, root, path } = props;
  const entries: readonly Json[] = Array.isArray(value) ? value : [];
  const one = label.replace(/s$/, "");
  return (
    <div className={styles.entries}>
      {entries.map((entry, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: entries have no name of their own, and their place is their path.
        <div key={index} className={styles.entries}>
          <SchemaField
            {...props}
            schema={items}
            value={entry}
            onChange={(next) => onChange(entries.map((other, at) => (at === index ? next : other)))}
            path={`${path}.${index}`}
            label={`${one} ${index + 1}`}
            required
          />
          <div>
            <Button small onClick={() => onChange(entries.filter((_, at) => at !== index))}>
              Remove {one.toLowerCase()} {index + 1}
            </Button>
          </div>
        </div>
      ))}
      <div>
        <Button
          small
          disabled={entries.length >= atMost}
          onClick={() => onChange([...entries, initialOf(items, root)])}
        >
          Add a {one.toLowerCase()}
        </Button>
      </div>
    </div>
  );
}

type InputKind = Extract<Kind, { kind: "choice" | "number" | "text" }>;

function Input(props: SchemaFieldProps & { kind: InputKind; control: { id: string } }) {
  const { kind, control, schema, root, value, onChange, required = false, name, path, suggestions } = props;
  const standard = resolve(schema, root).default;
  const placeholder = standard === undefined || standard === null ? undefined : String(standard);
  if (kind.kind === "choice")
    return (
      <select
        {...control}
        value={value === undefined ? "" : String(value)}
        required={required}
        onChange={({ target }) => onChange(kind.options.find((option) => String(option) === target.value))}
      >
        <option value="">{placeholder ?? "—"}</option>
        {kind.options.map((option) => (
          <option key={option} value={option}>
            {option}
          </option>
        ))}
      </select>
    );
  if (kind.kind === "number") {
    const empty = takesNull(schema, root) ? null : undefined;
    return (
      <input
        {...control}
        type="number"
        inputMode="decimal"
        min={kind.minimum}
        max={kind.maximum}
        step={kind.step}
        required={required}
        placeholder={placeholder}
        value={typeof value === "number" ? value : ""}
        onChange={({ target }) => onChange(target.value === "" ? empty : target.valueAsNumber)}
      />
    );
  }
  const offered = suggestions?.[path];
  return (
    <>
      <input
        {...control}
        type={isSecretName(name) ? "password" : "text"}
        autoComplete="off"
        spellCheck={false}
        minLength={kind.minLength}
        maxLength={kind.maxLength}
        required={required}
        placeholder={placeholder}
        value={typeof value === "string" ? value : ""}
        onChange={({ target }) => onChange(target.value === "" ? undefined : target.value)}
        list={offered === undefined ? undefined : `${control.id}-offered`}
      />
      {offered !== undefined && (
        <datalist id={`${control.id}-offered`}>
          {offered.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
      )}
    </>
  );
}
