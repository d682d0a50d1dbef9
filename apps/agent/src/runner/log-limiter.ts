/** Lines of one second that are passed on. */
const LINES_PER_SECOND = 10;

/** Lets a few lines a second through and counts the others, so that a program that floods its log floods nobody else. */
export class LogLimiter {
  private windowStart = 0;
  private inWindow = 0;
  private suppressed = 0;

  constructor(private readonly now: () => number) {}

  /** @returns the lines to pass on: the given one, or none; and first a note when some were left out before. */
  pass(line: string): string[] {
    const now = this.now();
    const passed: string[] = [];
    if (now - this.windowStart >= 1000) {
      if (this.suppressed > 0) passed.push(`${this.suppressed} more lines were left out.`);
      this.windowStart = now;
      this.inWindow = 0;
      this.suppressed = 0;
    }
    this.inWindow += 1;
    if (this.inWindow <= LINES_PER_SECOND) passed.push(line);
    else this.suppressed += 1;
    return passed;
  }
}

/** The level that ffmpeg wrote before a line (`-loglevel level+warning`), and the line without it. */
export function levelOf(line: string): { level: "info" | "warn" | "error"; message: string } {
  const found = /\[(info|warning|error|fatal|panic)\] /.exec(line);
  if (found === null) return { level: "info", message: line };
  const message = line.slice(0, found.index) + line.slice(found.index + found[0].length);
  if (found[1] === "info") return { level: "info", message };
  return { level: found[1] === "warning" ? "warn" : "error", message };
}
