/** Text as a value inside a filter graph, which is unescaped twice: as the graph's part and as the option's value. */
export function filterText(text: string): string {
  return text.replace(/[\\':]/g, "\\$&").replace(/[\\'[\],;]/g, "\\$&");
}

/** The time of day as a value of `drawtext`. */
export const CLOCK_TEXT = filterText("%{localtime:%H\\:%M\\:%S}");
