/** Whether a subscription's subject stands for more than one subject. */
export const isPattern = (subject: string): boolean => /(^|\.)(\*|>)(\.|$)/.test(subject);

/** Whether a subject is one that a pattern stands for. */
export function matches(pattern: string, subject: string): boolean {
  const [wanted, given] = [pattern.split("."), subject.split(".")];
  for (const [index, word] of wanted.entries()) {
    if (word === ">") return given.length > index;
    if (given[index] === undefined || (word !== "*" && word !== given[index])) return false;
  }
  return wanted.length === given.length;
}

/**
 * Anything as one word of a subject: letters, digits, `-` and `_` stay, other bytes become `=` and two hexadecimal digits. So
 * different texts never meet on one subject, and none of them is a wildcard.
 */
export const subjectWord = (text: string): string =>
  text === ""
    ? "="
    : text.replace(/[^A-Za-z0-9_-]/gu, (character) =>
        [...Buffer.from(character)].map((byte) => `=${byte.toString(16).padStart(2, "0")}`).join(""),
      );
