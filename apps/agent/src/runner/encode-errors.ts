import { type BoundedLog, mediaError, type ProcessExit, type Redactor } from "@stream-control/ffmpeg";
import type { ErrorInfo, Fault, Source } from "@stream-control/protocol";
import type { ProcessUsage } from "./process-usage.js";

/** An encode that is over, or about to be killed. */
export interface EndedEncode {
  source: Source;
  hasFrame: boolean;
  log: BoundedLog;
  exit: ProcessExit;
  redactor: Redactor;
}

/** What was measured of an encoder while no picture came. */
export interface Stall {
  afterMs: number;
  /** What the process used at the beginning and at the end of that time; absent where it can't be read. */
  before: ProcessUsage | undefined;
  after: ProcessUsage | undefined;
}

/** Share of one core above which an encoder without pictures is at work and not waiting for its source. */
const BUSY_SHARE = 0.3;

const isLocal = ({ type }: Source): boolean => type === "test" || type === "file";

/**
 * Whose fault it is that no picture comes. A source made here can't starve its encoder. Otherwise an encoder that is
 * stopped, waits for a disk, or computes is at fault itself, and one that idles waits for its source. What can't be told
 * apart from outside: an encoder that hangs idle in a lock or in a driver looks like one that waits.
 */
export function stallFault(source: Source, { afterMs, before, after }: Stall): Fault {
  if (isLocal(source)) return "encoder";
  if (after === undefined) return "source";
  if (after.state === "T" || after.state === "D") return "encoder";
  const usedMs = after.cpuMs - (before?.cpuMs ?? after.cpuMs);
  return usedMs > afterMs * BUSY_SHARE ? "encoder" : "source";
}

/** The encoder lives and makes no pictures. */
export function stallError({ source, hasFrame, log, exit, redactor }: EndedEncode, stall: Stall): ErrorInfo {
  const what = hasFrame
    ? `The encoder made no new frame for ${stall.afterMs} ms`
    : `The encoder made no first frame within ${stall.afterMs} ms`;
  const state = stall.after === undefined ? {} : { processState: stall.after.state };
  return mediaError({
    ...{ code: "ENCODER_STALLED", what, fault: stallFault(source, stall) },
    ...{ cause: hasFrame ? "STALLED" : "NO_FIRST_FRAME", detail: { afterMs: stall.afterMs, ...state } },
    ...{ redactor, log, exit },
  });
}

/** A source that has no end came to one. */
export function sourceEnded({ log, exit, redactor }: EndedEncode): ErrorInfo {
  return mediaError({
    ...{ code: "FFMPEG_EXITED", what: "The live source ended", fault: "source", cause: "SOURCE_ENDED" },
    ...{ redactor, log, exit },
  });
}

/** The encoder ended with an error, or was ended from outside. */
export function exitError({ source, hasFrame, log, exit, redactor }: EndedEncode): ErrorInfo {
  // Where its words say nothing: what was ended by a signal did not end because of its source.
  const ownFault = hasFrame && (exit.signal !== null || isLocal(source));
  const error = mediaError({
    code: "FFMPEG_EXITED",
    what: hasFrame ? "The program broke off" : "The program could not begin",
    fault: ownFault ? "encoder" : "source",
    ...{ redactor, log, exit },
  });
  // Before the first frame, what goes wrong outside this machine is the source's not being there.
  const fault = error.detail?.fault;
  const unreachable = !hasFrame && exit.startError === undefined && (fault === "source" || fault === "network");
  return unreachable ? { ...error, code: "SOURCE_UNREACHABLE" } : error;
}
