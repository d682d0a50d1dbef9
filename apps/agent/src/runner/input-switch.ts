import type { ErrorInfo } from "@stream-control/protocol";
import { CommandError, refused } from "./errors.js";
import type { KeptSource, SourceEnd } from "./kept-source.js";
import { isUsable } from "./source-health.js";

/** Opens one other source at a time off air, to put it in the place of the present one. */
export class InputSwitch {
  private opening: KeptSource | undefined;
  private result = Promise.withResolvers<void>();

  /** The source that is being opened. */
  get candidate(): KeptSource | undefined {
    return this.opening;
  }

  /**
   * Waits for a source's first picture.
   *
   * @throws CommandError with the source's own error where there is none, and where another one is being opened.
   */
  async open(candidate: KeptSource): Promise<KeptSource> {
    if (this.opening !== undefined) throw refused("SWITCH_PENDING", "Another switch of the input is not done yet.");
    this.result = Promise.withResolvers<void>();
    this.opening = candidate;
    candidate.start();
    try {
      await this.result.promise;
      return candidate;
    } catch (thrown) {
      candidate.dispose();
      throw thrown;
    } finally {
      this.opening = undefined;
    }
  }

  /** The candidate's health has changed. */
  look(): void {
    if (isUsable(this.opening?.health)) this.result.resolve();
  }

  /** The candidate's try is over. */
  ended(end: SourceEnd): void {
    this.result.reject(new CommandError(end.kind === "failed" ? end.error : ENDED_AT_ONCE));
  }

  /** The job ends. */
  abandon(): void {
    this.opening?.dispose();
    this.result.reject(refused("JOB_ENDING", "The job is ending."));
    // Nobody waits for it where nothing was being opened.
    this.result.promise.catch(() => {});
  }
}

const ENDED_AT_ONCE: ErrorInfo = {
  code: "SOURCE_UNREACHABLE",
  message: "The new source ended at once.",
  detail: { fault: "source" },
};
