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
  private blackTimer: NodeJS.Timeout | undefined;

  /**
   * @param onChange told of each new fault, and with undefined when the last one is over.
   * @param blackMs how long black must last to be a fault: ffmpeg tells of its first picture, while it tells of frozen
   * pictures and of silence only when they have lasted.
   */
  constructor(
    private readonly onChange: (fault: PictureFault | undefined) => void,
    private readonly blackMs = 0,
  ) {}

  get hasFault(): boolean {
    return this.faults.size > 0;
  }

  push(line: string): void {
    const begun = BEGINS.find(([pattern]) => pattern.test(line))?.[1];
    if (begun === "black") this.blackTimer ??= setTimeout(() => this.begin("black"), this.blackMs);
    else if (begun !== undefined) this.begin(begun);
    const ended = ENDS.find(([pattern]) => pattern.test(line))?.[1];
    if (ended === "black") this.stop();
    if (ended !== undefined && this.faults.delete(ended) && this.faults.size === 0) this.onChange(undefined);
  }

  /** Nothing that has begun becomes a fault any more. */
  stop(): void {
    clearTimeout(this.blackTimer);
    this.blackTimer = undefined;
  }

  private begin(fault: PictureFault): void {
    if (this.faults.has(fault)) return;
    this.faults.add(fault);
    this.onChange(fault);
  }
}
