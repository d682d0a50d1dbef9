/** How much of a program's words is kept. */
export interface BoundedLogOptions {
  headLines?: number;
  tailLines?: number;
  maxLineLength?: number;
  /** Lines that are neither kept nor given back. */
  ignore?: (line: string) => boolean;
}

/**
 * Keeps the first lines of a log, which say how it began, and the last ones, which say how it ended; a flood between
 * costs no memory. Chunks may be cut anywhere.
 */
export class BoundedLog {
  private readonly head: string[] = [];
  private readonly tail: string[] = [];
  private rest = "";
  private seen = 0;
  private readonly limits: Required<BoundedLogOptions>;

  constructor(options: BoundedLogOptions = {}) {
    this.limits = { headLines: 40, tailLines: 60, maxLineLength: 1000, ignore: () => false, ...options };
  }

  /** @returns the lines that the chunk completed, cut to the longest allowed length. */
  push(chunk: string): string[] {
    // Carriage returns separate what a terminal would overwrite.
    const lines = (this.rest + chunk).split(/[\r\n]+/);
    this.rest = (lines.pop() ?? "").slice(0, this.limits.maxLineLength);
    return lines.flatMap((line) => this.keep(line));
  }

  /** Takes what came after the last line break as a line; call it when the program has ended. */
  finish(): string[] {
    const last = this.rest;
    this.rest = "";
    return this.keep(last);
  }

  /** Head and tail, with a note of what was left out between them. */
  lines(): string[] {
    const omitted = this.seen - this.head.length - this.tail.length;
    return [...this.head, ...(omitted > 0 ? [`(${omitted} lines left out)`] : []), ...this.tail];
  }

  /** The last lines, oldest first. */
  last(count: number): string[] {
    return [...this.head, ...this.tail].slice(-count);
  }

  private keep(line: string): string[] {
    if (line.trim() === "" || this.limits.ignore(line)) return [];
    const cut = line.slice(0, this.limits.maxLineLength);
    this.seen += 1;
    if (this.head.length < this.limits.headLines) this.head.push(cut);
    else {
      this.tail.push(cut);
      if (this.tail.length > this.limits.tailLines) this.tail.shift();
    }
    return [cut];
  }
}
