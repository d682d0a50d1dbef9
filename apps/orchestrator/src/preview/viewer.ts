import { CLOSE_CODES } from "@stream-control/protocol";
import type { Caller } from "@stream-control/service-kit/access";
import type { WebSocket } from "ws";
import { closeSocket } from "../agents/session.js";

/** Unsent bytes, beside what it began with, at which a page counts as not reading: some seconds of a stream. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;
/** The reason in a close frame is UTF-8 of at most so many bytes (RFC 6455 §5.5). */
const MAX_REASON_BYTES = 123;

/** Somebody who watches a job: gets the stream from its newest keyframe on. */
export class PreviewViewer {
  private allowance: number | undefined;

  constructor(
    readonly socket: WebSocket,
    readonly caller: Caller,
  ) {}

  /** Gives it what came; where it has nothing yet, what there is since the newest keyframe. */
  give(run: Buffer, beginning: readonly Buffer[]): void {
    if (this.socket.readyState !== this.socket.OPEN) return;
    if (this.allowance === undefined) this.begin(beginning);
    else if (this.socket.bufferedAmount > this.allowance) this.close(CLOSE_CODES.tryAgainLater, "too slow in reading");
    else this.socket.send(run, { binary: true });
  }

  /** Gives it what there is since the newest keyframe, where there is something. */
  begin(beginning: readonly Buffer[]): void {
    if (beginning.length === 0 || this.allowance !== undefined) return;
    this.socket.send(Buffer.concat(beginning), { binary: true });
    this.allowance = this.socket.bufferedAmount + MAX_BUFFERED_BYTES;
  }

  close(code: number, reason: string): void {
    closeSocket(this.socket, code, fitting(reason));
  }
}

function fitting(reason: string): string {
  if (Buffer.byteLength(reason) <= MAX_REASON_BYTES) return reason;
  let short = reason;
  while (Buffer.byteLength(short) > MAX_REASON_BYTES - Buffer.byteLength("…")) short = short.slice(0, -1);
  return `${short.trimEnd()}…`;
}
