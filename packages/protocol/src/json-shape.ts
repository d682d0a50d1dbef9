/** How deep and how large a JSON text may be before anything is built out of it. */
export interface JsonShape {
  /** Levels of objects and arrays within each other. */
  maxDepth: number;
  /** Members of all objects and elements of all arrays together. */
  maxValues: number;
}

/**
 * What edges let in. The deepest message of the protocol has six levels; beyond a few thousand, code that walks a value
 * by recursion runs out of stack. The number of values bounds the memory and time of a small text such as `[[],[],…`.
 */
export const JSON_SHAPE: JsonShape = { maxDepth: 32, maxValues: 50_000 };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Looks at the shape of a JSON text in one pass, without building anything and without a stack of its own. Whether it is
 * JSON at all is left to the parser.
 *
 * @param text characters, or bytes of UTF-8 (in which the characters that matter are never part of another one).
 * @returns a sentence that says which bound is passed, or `undefined`.
 */
export function jsonShapeProblem(text: string | Uint8Array, bounds: JsonShape = JSON_SHAPE): string | undefined {
  const at = typeof text === "string" ? (index: number) => text.charCodeAt(index) : (index: number) => text[index];
  const { length } = text;
  let depth = 0;
  let values = 0;
  let quoted = false;
  for (let index = 0; index < length; index += 1) {
    const code = at(index);
    if (quoted) {
      if (code === BACKSLASH) index += 1;
      else if (code === QUOTE) quoted = false;
    } else if (code === QUOTE) quoted = true;
    else if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
      depth += 1;
      if (depth > bounds.maxDepth) return `it is nested deeper than ${bounds.maxDepth} levels`;
    } else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) depth -= 1;
    else if (code === COMMA || code === COLON) {
      values += 1;
      if (values > bounds.maxValues) return `it has more than ${bounds.maxValues} values`;
    }
  }
  return undefined;
}
