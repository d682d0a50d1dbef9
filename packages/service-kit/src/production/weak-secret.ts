/** Fewer characters than this can be tried out by somebody with patience. */
const MIN_LENGTH = 16;
/** Bits by the characters' own frequencies: 16 random hexadecimal digits have about 50, a sentence far more. */
const MIN_BITS = 40;

/** Words that stand in examples, tutorials and defaults; a secret made of these and of digits alone is none. */
const WELL_KNOWN = [
  ...["dev", "development", "shared", "token", "test", "testing", "secret", "password", "passwort", "passphrase"],
  ...["change", "changeme", "me", "admin", "administrator", "agent", "orchestrator", "stream", "control", "example"],
  ...["default", "demo", "key", "api", "apikey", "your", "my", "the", "here", "please", "replace", "this", "root"],
  ...[
    "user",
    "letmein",
    "welcome",
    "qwerty",
    "asdf",
    "foo",
    "bar",
    "baz",
    "super",
    "very",
    "long",
    "production",
    "prod",
  ],
];

/**
 * Why a secret is weak; `undefined` for one that is not. The words never repeat the secret.
 *
 * @param others secrets that it must differ from, by name.
 */
export function weakness(secret: string, others: Record<string, string | undefined> = {}): string | undefined {
  if (secret.length < MIN_LENGTH) return `it is shorter than ${MIN_LENGTH} characters`;
  const same = Object.entries(others).find(([, other]) => other === secret);
  if (same !== undefined) return `it is the same as ${same[0]}`;
  if (isMadeOfWords(secret)) return "it is made of words that stand in examples";
  if (entropyBits(core(secret)) < MIN_BITS) return "it repeats too few characters";
  return undefined;
}

/** Whether nothing but well-known words, digits and signs is left of it. */
function isMadeOfWords(secret: string): boolean {
  const words = new Set(WELL_KNOWN);
  const parts = secret
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((part) => part !== "");
  return parts.length > 0 && parts.every((part) => canBeCut(part, words));
}

/** Whether a text is a sequence of the words. */
function canBeCut(text: string, words: ReadonlySet<string>): boolean {
  const reachable = [true, ...Array.from({ length: text.length }, () => false)];
  for (let end = 1; end <= text.length; end += 1)
    for (let start = 0; start < end; start += 1)
      if (reachable[start] === true && words.has(text.slice(start, end))) reachable[end] = true;
  return reachable[text.length] === true;
}

/** What is left when a secret is a shorter one several times, or runs through the alphabet. */
function core(secret: string): string {
  const period = Array.from({ length: Math.floor(secret.length / 2) }, (_, index) => index + 1).find((length) =>
    [...secret].every((character, index) => character === secret[index % length]),
  );
  const unit = period === undefined ? secret : secret.slice(0, period);
  // A step that is the same as the one before tells nothing new: abcdef, 987654, 111111.
  return [...unit].filter((_, index) => index < 2 || step(unit, index) !== step(unit, index - 1)).join("");
}

const step = (text: string, index: number): number => text.charCodeAt(index) - text.charCodeAt(index - 1);

/** Shannon's entropy of the characters by their own frequencies, times the length. */
function entropyBits(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= count * Math.log2(count / text.length);
  return bits;
}
