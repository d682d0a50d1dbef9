/** As much of JSON Schema 2020-12 as the protocol's schemas use. */
export interface Schema {
  $ref?: string;
  $defs?: Record<string, Schema>;
  type?: string;
  const?: unknown;
  enum?: readonly unknown[];
  default?: unknown;
  properties?: Record<string, Schema>;
  required?: readonly string[];
  items?: Schema;
  maxItems?: number;
  oneOf?: readonly Schema[];
  anyOf?: readonly Schema[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
}

export type Json = string | number | boolean | null | readonly Json[] | JsonObject | undefined;
export interface JsonObject {
  readonly [name: string]: Json;
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** How something is asked for. */
export type Kind =
  | { kind: "object"; properties: readonly (readonly [name: string, schema: Schema, required: boolean])[] }
  /** One of several forms, told apart by a constant field. */
  | { kind: "variant"; by: string; variants: readonly (readonly [name: string, schema: Schema])[] }
  | { kind: "list"; items: Schema; atMost: number }
  | { kind: "choice"; options: readonly (string | number)[] }
  | { kind: "boolean" }
  | { kind: "number"; minimum: number | undefined; maximum: number | undefined; step: number | "any" }
  | { kind: "text"; minLength: number | undefined; maxLength: number | undefined; pattern: string | undefined };

/** The schema that a reference leads to, with what stands beside the reference. */
export function resolve(schema: Schema, root: Schema): Schema {
  const name = schema.$ref?.replace("#/$defs/", "");
  const found = name === undefined ? undefined : root.$defs?.[name];
  return found === undefined ? schema : { ...resolve(found, root), ...schema, $ref: undefined as never };
}

/** What a schema asks for; undefined where the form has no way to ask. */
export function kindOf(given: Schema, root: Schema): Kind | undefined {
  const schema = resolve(given, root);
  if (schema.oneOf !== undefined) return variantOf(schema.oneOf, root);
  if (schema.anyOf !== undefined) return alternativeOf(schema.anyOf, root);
  if (schema.enum !== undefined) return { kind: "choice", options: schema.enum.filter(isOption) };
  switch (schema.type) {
    case "object": {
      const required = new Set(schema.required);
      const properties = Object.entries(schema.properties ?? {});
      return { kind: "object", properties: properties.map(([name, each]) => [name, each, required.has(name)]) };
    }
    case "array":
      return schema.items === undefined
        ? undefined
        : { kind: "list", items: schema.items, atMost: schema.maxItems ?? Number.POSITIVE_INFINITY };
    case "boolean":
      return { kind: "boolean" };
    case "number":
    case "integer":
      return {
        kind: "number",
        minimum: schema.minimum ?? schema.exclusiveMinimum,
        maximum: schema.maximum,
        step: schema.type === "integer" ? 1 : "any",
      };
    case "string":
      return { kind: "text", minLength: schema.minLength, maxLength: schema.maxLength, pattern: schema.pattern };
    default:
      return undefined;
  }
}

const isOption = (value: unknown): value is string | number => typeof value === "string" || typeof value === "number";

function variantOf(forms: readonly Schema[], root: Schema): Kind | undefined {
  const resolved = forms.map((form) => resolve(form, root));
  const by = Object.entries(resolved[0]?.properties ?? {}).find(([, { const: only }]) => only !== undefined)?.[0];
  if (by === undefined) return undefined;
  const variants = resolved.flatMap((form) => {
    const name = form.properties?.[by]?.const;
    return typeof name === "string" ? [[name, form] as const] : [];
  });
  return { kind: "variant", by, variants };
}

/** Several constants are a choice; something or null is that something, which may be left empty. */
function alternativeOf(forms: readonly Schema[], root: Schema): Kind | undefined {
  const constants = forms.map((form) => form.const).filter(isOption);
  if (constants.length === forms.length) return { kind: "choice", options: constants };
  const something = forms.filter(({ type }) => type !== "null");
  return something.length === 1 && something[0] !== undefined ? kindOf(something[0], root) : undefined;
}

/** Whether null is a value: "never", where absence would mean the default. */
export const takesNull = (given: Schema, root: Schema): boolean =>
  resolve(given, root).anyOf?.some(({ type }) => type === "null") === true;

/** What a new entry of a list, or a form that was just chosen, begins with. */
export function initialOf(given: Schema, root: Schema): Json {
  const kind = kindOf(given, root);
  if (kind?.kind === "variant") {
    const [first] = kind.variants;
    return first === undefined ? {} : { [kind.by]: first[0] };
  }
  return kind?.kind === "object" ? {} : undefined;
}
