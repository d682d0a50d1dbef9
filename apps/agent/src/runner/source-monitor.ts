/** What makes a source count as lost although pictures come. */
export type PictureFault = "black" | "frozen" | "silent";

const BEGINS: readonly [pattern: RegExp, fault: PictureFault][] = [
  [/^lavfi\.black_start=/, "black"],
  [/^lavfi\.freezedetect\.freeze_start=/, "frozen"],
  [/^lavfi\.silence_start(?:\.\d+)?=/, "silent"],
];
const ENDS: readonly [pattern: RegExp, fault: PictureFault][] = [
  [/^lavfi\.black_end=/, "black"],
  [/^lavfi\.freezedetect\.freeze_end=/, "frozen"],
  [/^lavfi\.silence_end(?:\.\d+)?=/, "silent"],
];

/** Reads what the monitors of an encode print: what is wrong with its source from when to when. Other lines cost nothing. */
export class SourceMonitor {
  private readonly faults = new Set<PictureFault>();

  /** @param onChange told of each new fault, and with undefined when the last one is over. */
  constructor(private readonly onChange: (fault: PictureFault | undefined) => void) {}

  get hasFault(): boolean {
    return this.faults.size > 0;
  }

  push(line: string): void {
    const begun = BEGINS.find(([pattern]) => pattern.test(line))?.[1];
    if (begun !== undefined && !this.faults.has(begun)) {
      this.faults.add(begun);
      this.onChange(begun);
    }
    const ended = ENDS.find(([pattern]) => pattern.test(line))?.[1];
    if (ended !== undefined && this.faults.delete(ended) && this.faults.size === 0) this.onChange(undefined);
  }
}
