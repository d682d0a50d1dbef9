import { TsJoinPoint } from "@stream-control/ffmpeg";
import { CLOSE_CODES } from "@stream-control/protocol";
import type { WebSocket } from "ws";
import { closeSocket } from "../agents/session.js";
import type { PreviewViewer } from "./viewer.js";

/** What is kept for those who come between two keyframes: more than ten seconds of what people stream. */
const MAX_KEPT_BYTES = 8 * 1024 * 1024;
/** What has waited somewhere may come at once: as much as the limit lets through in this time. */
const BURST_MS = 1500;
/** RFC 6455 §7.4.1: the purpose is fulfilled; only binary frames; against the rules. */
const DONE = 1000;
const WRONG_KIND = 1003;
const AGAINST_RULES = 1008;

export interface PreviewOptions {
  jobId: string;
  /** How long the agent goes on to send after the last one has left. */
  lingerMs: number;
  /** As much as an agent may send for long. */
  bytesPerMs: number;
  monotonic: () => number;
  /** It is over: nothing of it is left. */
  onOver: () => void;
}

/** The stream of one job on its way from its agent to those who watch it. */
export class Preview {
  readonly viewers = new Set<PreviewViewer>();
  /** The agent and the assignment that it comes from, once that is known. */
  from: { agentId: string; epoch: number } | undefined;
  private readonly joint = new TsJoinPoint(MAX_KEPT_BYTES);
  private source: WebSocket | undefined;
  /** How the agent's socket ended while it was not known yet what the agent says to that. */
  private sourceEnd: number | undefined;
  private answered = false;
  private lingering: NodeJS.Timeout | undefined;
  private over = false;
  private excess = { at: 0, bytes: 0 };

  constructor(readonly options: PreviewOptions) {}

  get isOver(): boolean {
    return this.over;
  }

  add(viewer: PreviewViewer): void {
    clearTimeout(this.lingering);
    this.viewers.add(viewer);
    viewer.socket.once("close", () => this.left(viewer));
    viewer.begin(this.joint.beginning);
  }

  /** Takes over the socket that the agent has opened for it. */
  attach(socket: WebSocket): void {
    // Of an oversized frame and the like: ws closes the socket by itself with the right code.
    socket.on("error", () => undefined);
    if (this.over || this.source !== undefined) {
      closeSocket(socket, DONE, "nobody watches any more");
      return;
    }
    this.source = socket;
    socket.on("message", (data, isBinary) => {
      if (isBinary) this.take(data as Buffer);
      else this.break(WRONG_KIND, "a preview is binary frames");
    });
    socket.once("close", (code) => this.sourceClosed(code));
  }

  /** The agent has said that it sends. */
  confirm(): void {
    this.answered = true;
    if (this.source === undefined)
      this.end(CLOSE_CODES.tryAgainLater, "the agent opened no connection for it; come back in a few seconds");
    else if (this.sourceEnd !== undefined) this.sourceClosed(this.sourceEnd);
  }

  /** Ends it for everybody, and for the agent. */
  end(code: number, reason: string): void {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.lingering);
    for (const viewer of this.viewers) viewer.close(code, reason);
    if (this.source !== undefined) closeSocket(this.source, DONE, "nobody watches any more");
    this.options.onOver();
  }

  private take(chunk: Buffer): void {
    if (this.over) return;
    const { bytesPerMs, monotonic } = this.options;
    const now = monotonic();
    const { at, bytes } = this.excess;
    this.excess = { at: now, bytes: Math.max(0, bytes - (now - at) * bytesPerMs) + chunk.length };
    if (this.excess.bytes > BURST_MS * bytesPerMs) {
      this.break(AGAINST_RULES, "more than any stream has");
      return;
    }
    for (const run of this.joint.push(chunk)) for (const viewer of this.viewers) viewer.give(run, this.joint.beginning);
  }

  private break(code: number, reason: string): void {
    const { source } = this;
    this.source = undefined;
    if (source !== undefined) closeSocket(source, code, reason);
    this.end(CLOSE_CODES.tryAgainLater, "the agent sent what is no stream");
  }

  private sourceClosed(code: number): void {
    this.sourceEnd = code;
    // Where it could not send after all, its answer says why.
    if (!this.answered) return;
    if (code === DONE) this.end(DONE, "the stream has ended");
    else this.end(CLOSE_CODES.tryAgainLater, "the connection to the agent was lost; come back in a few seconds");
  }

  private left(viewer: PreviewViewer): void {
    this.viewers.delete(viewer);
    if (this.viewers.size > 0 || this.over) return;
    this.lingering = setTimeout(() => this.end(DONE, "nobody watches"), this.options.lingerMs);
  }
}
