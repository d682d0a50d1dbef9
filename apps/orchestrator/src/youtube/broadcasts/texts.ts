/** YouTube's limits (https://developers.google.com/youtube/v3/live/docs/liveBroadcasts#snippet.title). */
const TITLE_CHARACTERS = 100;
const DESCRIPTION_BYTES = 5000;

export interface Texts {
  title: string;
  description: string;
}

/**
 * Title and description as YouTube takes them: without angle brackets, which it refuses, and not longer than it allows.
 */
export const textsFor = ({ title, description }: Partial<Texts>): Texts => ({
  title: cut(plain(title ?? ""), TITLE_CHARACTERS, (text) => text.length) || "Live Stream",
  description: cut(plain(description ?? ""), DESCRIPTION_BYTES, Buffer.byteLength),
});

export const sameTexts = (one: Texts, other: Texts | null): boolean =>
  other !== null && one.title === other.title && one.description === other.description;

const plain = (text: string): string => text.replaceAll("<", "‹").replaceAll(">", "›").toWellFormed().trim();

/** Cuts at a whole character, and says so by an ellipsis. */
function cut(text: string, limit: number, sizeOf: (text: string) => number): string {
  if (sizeOf(text) <= limit) return text;
  const room = limit - sizeOf("…");
  let kept = "";
  let size = 0;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    size += sizeOf(segment);
    if (size > room) break;
    kept += segment;
  }
  return `${kept.trimEnd()}…`;
}
