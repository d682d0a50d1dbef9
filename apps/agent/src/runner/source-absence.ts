import type { ErrorInfo } from "@stream-control/protocol";
import type { Toolbox } from "./toolbox.js";

/** Remembers since when and why the program is not on air, tells of it, and says when the job should not wait any longer. */
export class SourceAbsence {
  private lostAt: number | undefined;
  private awaySince: number | undefined;
  private latest: ErrorInfo | undefined;

  constructor(private readonly tools: Pick<Toolbox, "spec" | "now" | "onEvent">) {}

  /** From the loss until the program is on air again. */
  get isOn(): boolean {
    return this.lostAt !== undefined;
  }
  /** What went wrong last. */
  get error(): ErrorInfo | undefined {
    return this.latest;
  }

  /** The program can't be on air. @returns whether that is new. */
  begin(error: ErrorInfo): boolean {
    const now = this.tools.now();
    this.latest = error;
    this.awaySince ??= now;
    if (this.lostAt !== undefined) return false;
    this.lostAt = now;
    const { message, code, detail } = error;
    this.tools.onEvent("stream.source_lost", message, { fault: "source", ...detail, code });
    return true;
  }

  /** The source did not come back. Sources may be away for days, so each power of two is told. */
  tryFailed(tries: number, { message, code, detail }: ErrorInfo): void {
    if (tries < 1 || (tries & (tries - 1)) !== 0) return;
    const text = `The source did not come back in ${tries} ${tries === 1 ? "try" : "tries"}. ${message}`;
    this.tools.onEvent("stream.source_retry_failed", text, { tries, code, fault: detail?.fault ?? "source" });
  }

  /** The source is good, though it may not be on air yet. */
  pause(): void {
    this.awaySince = undefined;
  }

  /** The program is on air again. */
  end(): void {
    if (this.lostAt === undefined) return;
    const awayMs = Math.round(this.tools.now() - this.lostAt);
    this.lostAt = undefined;
    this.awaySince = undefined;
    this.latest = undefined;
    this.tools.onEvent("stream.source_back", `The source is back after ${(awayMs / 1000).toFixed(1)} s.`, { awayMs });
  }

  /** The error to end the job with, once the source is away for longer than the job waits. */
  verdict(): ErrorInfo | undefined {
    const { giveUpAfterMs } = this.tools.spec.config.sourceLoss;
    if (giveUpAfterMs === undefined || this.awaySince === undefined) return undefined;
    return this.tools.now() - this.awaySince >= giveUpAfterMs ? this.latest : undefined;
  }
}
