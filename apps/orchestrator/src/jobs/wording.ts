/** What may stand in braces. `contextLower`: the occasion in small letters. `teams`: those that there are, `A v. B`. */
const PLACEHOLDERS = [
  "context",
  "contextLower",
  "drawNumber",
  "sheet",
  "team1",
  "team2",
  "teams",
  "date",
  "moment",
] as const;
type Placeholder = (typeof PLACEHOLDERS)[number];
/** What is known for each; undefined for what is not. */
export type Values = Partial<Record<Placeholder, string | undefined>>;

type Piece = string | { placeholder: Placeholder };
/** A text with places to fill in; an optional one is left out where something of it is not known. */
interface Group {
  optional: boolean;
  pieces: readonly Piece[];
}

/** How titles and descriptions of streams are worded: text, `{placeholders}`, and `[groups]` that may be left out. */
export interface Wording {
  title: string;
  description: string;
  titleWithoutContext: string;
  descriptionWithoutContext: string;
}

/** The wording that deployed pages and their viewers know. */
export const DEFAULT_WORDING: Wording = {
  title: "{context}[ - Draw {drawNumber}][ - Sheet {sheet}][ ({teams})] - {date}",
  description:
    "This is an automated live stream created by the Stream Control system. Streaming {contextLower}.[ Watch {team1} vs {team2} live!][ Catch all the action from Sheet {sheet}.] Join us for an exciting broadcast!",
  titleWithoutContext: "Live Stream - {moment}",
  descriptionWithoutContext:
    "This is an automated live stream created by the Stream Control system. Join us for an exciting broadcast!",
};

const isPlaceholder = (name: string): name is Placeholder => (PLACEHOLDERS as readonly string[]).includes(name);

/** Why a wording cannot be used, in a sentence's end; undefined where it can. */
export function problemOfWording(text: string): string | undefined {
  const [unknown] = [...text.matchAll(/\{([^{}]*)\}/g)].flatMap(([, name = ""]) => (isPlaceholder(name) ? [] : [name]));
  if (unknown !== undefined)
    return `must not name {${unknown}}; there are ${PLACEHOLDERS.map((name) => `{${name}}`).join(" ")}`;
  const bare = text.replaceAll(/\{[^{}]*\}/g, "").replaceAll(/\[[^[\]]*\]/g, "");
  return /[[\]{}]/.test(bare) ? "must close each { and [ before the next one begins" : undefined;
}

/**
 * Reads a wording once, so that it can be filled in for many streams.
 *
 * @returns fills it in: a placeholder without a value leaves out its group, or outside of groups itself.
 */
export function compileWording(text: string): (values: Values) => string {
  const groups = text
    .split(/(\[[^[\]]*\])/)
    .filter((part) => part !== "")
    .map((part): Group => {
      const optional = part.startsWith("[");
      const inner = optional ? part.slice(1, -1) : part;
      const pieces = inner.split(/\{([^{}]*)\}/).map((piece, index): Piece => {
        return index % 2 === 1 && isPlaceholder(piece) ? { placeholder: piece } : piece;
      });
      return { optional, pieces };
    });
  return (values) =>
    groups
      .map(({ optional, pieces }) => {
        const known = pieces.map((piece) => (typeof piece === "string" ? piece : values[piece.placeholder]));
        return optional && known.includes(undefined) ? "" : known.join("");
      })
      .join("");
}
