import type { TsRun } from "@stream-control/ffmpeg";
import { CLOSE_CODES } from "@stream-control/protocol";
import type { Caller } from "@stream-control/service-kit/access";
import type { WebSocket } from "ws";
import { closeSocket } from "../agents/session.js";

/** Unsent bytes, beside what it began with, above which a page is too far behind: it misses the rest up to a keyframe. */
const MAX_BEHIND_BYTES = 2 * 1024 * 1024;
/** It goes on once no more than this waits for it. */
const CAUGHT_UP_BYTES = 64 * 1024;
/** The reason in a close frame is UTF-8 of at most so many bytes (RFC 6455 §5.5). */
const MAX_REASON_BYTES = 123;

const TOO_SLOW = "too slow in reading";

/** What a viewer works with. */
export interface PreviewViewerOptions {
  /** For so long a page may take nothing at all of what waits for it. */
  stuckMs: number;
  monotonic: () => number;
}

/**
 * Somebody who watches a job: gets the stream from its newest keyframe on. One that is too slow misses whole pictures up to a
 * keyframe, so that what it sees stays live; one that does not read is sent away.
 */
export class PreviewViewer {
  private allowance: number | undefined;
  /** While it misses something: the least that waited for it, and since when it is no less. */
  private missing: { waiting: number; since: number } | undefined;

  constructor(
    readonly socket: WebSocket,
    readonly caller: Caller,
    private readonly options: PreviewViewerOptions,
  ) {}

  /** Gives it what came; where it has nothing yet, what there is since the newest keyframe. */
  give(run: TsRun, beginning: readonly Buffer[]): void {
    if (this.socket.readyState !== this.socket.OPEN) return;
    if (this.allowance === undefined) this.begin(beginning);
    else if (this.missing !== undefined) this.catchUp(run, beginning, this.missing);
    else if (this.socket.bufferedAmount <= this.allowance) this.send(run.data);
    else if (run.wholeTo !== undefined) this.leaveOff(run.data.subarray(0, run.wholeTo));
    // A stream without pictures can't be left anywhere.
    else if (this.socket.bufferedAmount <= this.allowance + MAX_BEHIND_BYTES) this.send(run.data);
    else this.close(CLOSE_CODES.tryAgainLater, TOO_SLOW);
  }

  /** Gives it what there is since the newest keyframe, where there is something. */
  begin(beginning: readonly Buffer[]): void {
    if (beginning.length === 0 || this.allowance !== undefined) return;
    this.send(Buffer.concat(beginning));
    this.allowance = this.socket.bufferedAmount + MAX_BEHIND_BYTES;
  }

  close(code: number, reason: string): void {
    closeSocket(this.socket, code, fitting(reason));
  }

  private leaveOff(last: Buffer): void {
    this.send(last);
    this.missing = { waiting: this.socket.bufferedAmount, since: this.options.monotonic() };
  }

  private catchUp(run: TsRun, beginning: readonly Buffer[], missing: { waiting: number; since: number }): void {
    const now = this.options.monotonic();
    const waiting = this.socket.bufferedAmount;
    if (waiting <= CAUGHT_UP_BYTES && run.keyframe) {
      this.missing = undefined;
      this.send(Buffer.concat(beginning));
    } else if (waiting < missing.waiting) this.missing = { waiting, since: now };
    else if (waiting > CAUGHT_UP_BYTES && now - missing.since > this.options.stuckMs)
      this.close(CLOSE_CODES.tryAgainLater, TOO_SLOW);
  }

  private send(data: Buffer): void {
    this.socket.send(data, { binary: true });
  }
}

function fitting(reason: string): string {
  if (Buffer.byteLength(reason) <= MAX_REASON_BYTES) return reason;
  let short = reason;
  while (Buffer.byteLength(short) > MAX_REASON_BYTES - Buffer.byteLength("…")) short = short.slice(0, -1);
  return `${short.trimEnd()}…`;
}
