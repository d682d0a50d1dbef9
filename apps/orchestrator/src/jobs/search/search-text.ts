import { maskSecrets, type StreamContext, type StreamMetadata } from "@stream-control/protocol";
import type { JobRow } from "../../store/tables.js";

/** Longer texts are found by their beginning. */
const MAX_LENGTH = 4000;

/** One spelling for all: letters that look alike are alike, and case does not count. */
const folded = (text: string): string => text.normalize("NFKC").toLowerCase();

/** The words of a search, each of which must occur; none for a text of white space alone. */
export const searchWords = (text: string): string[] => folded(text).split(/\s+/).filter(Boolean);

/** What a word looks like as a pattern of `like … escape '\'` that finds it anywhere: nothing in it is a wildcard. */
export const patternOf = (word: string): string => `%${word.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;

/**
 * The text in which a job is looked for: id, template, title, description and what they were made from. It is stored readable, so it holds
 * no more than a viewer of the job is shown.
 */
export function searchText(job: Pick<JobRow, "id" | "template_id" | "stream_metadata" | "stream_context">): string {
  const shown = maskSecrets({
    metadata: parsed<StreamMetadata>(job.stream_metadata),
    made: parsed<StreamContext>(job.stream_context),
  });
  const { title, description } = shown.metadata;
  const { context, drawNumber, sheet, team1, team2 } = shown.made;
  const texts = [job.id, job.template_id, title, context, drawNumber, sheet, team1, team2, description];
  // One to a line, so that no word is found across two of them.
  const all = texts.flatMap((text) => (typeof text === "string" || typeof text === "number" ? [String(text)] : []));
  return folded(all.join("\n")).slice(0, MAX_LENGTH);
}

const parsed = <T extends object>(text: string | null): Partial<T> => (text === null ? {} : (JSON.parse(text) as T));
