import type { Duplex } from "node:stream";
import { type StateUpdate, UpdateKind } from "@stream-control/proto/scenes";
import type { WebSocket } from "ws";
import type { ScenesMetrics } from "../metrics.js";
import { isOpen, type UpdateGate } from "../wire/filter.js";
import type { Encoded, Format } from "./encoded.js";

/** Bytes that may wait for a socket before ticks are left out for it, and before it is closed. */
const TICKS_UNTIL_BYTES = 64 * 1024;
const CUT_AT_BYTES = 1024 * 1024;

/** One WebSocket that follows a timeline. */
export class Listener {
  /** The newest update that it has, so that none comes twice or after a newer one. */
  private epoch = 0n;
  private sequence = -1n;
  private gate: UpdateGate | undefined;
  /** Something was heard of it since the last look. */
  alive = true;

  constructor(
    readonly socket: WebSocket,
    private readonly stream: Duplex,
    readonly clientId: string,
    readonly format: Format,
    private readonly metrics: ScenesMetrics,
  ) {}

  filterBy(gate: UpdateGate): void {
    this.gate = isOpen(gate.filter) ? undefined : gate;
  }

  /** Sends an update, unless it is old news, not wanted, or a tick for somebody who does not read. */
  send(update: StateUpdate, encoded: Encoded): void {
    const { socket, stream } = this;
    if (socket.readyState !== socket.OPEN || !this.isNews(update)) return;
    const waiting = stream.writableLength;
    if (waiting > TICKS_UNTIL_BYTES) {
      if (update.kind === UpdateKind.TICK) {
        this.metrics.skipped.inc();
        return;
      }
      if (waiting > CUT_AT_BYTES) {
        this.metrics.cut.inc();
        socket.close(1013, "this client does not read what it is sent");
        // A goodbye that is not read does not end it.
        setTimeout(() => socket.terminate(), CUT_AFTER_MS).unref();
        return;
      }
    }
    if (this.gate !== undefined && !this.gate.wants(update)) return;
    stream.write(encoded.frame(this.format));
  }

  private isNews({ epoch, sequence, kind }: StateUpdate): boolean {
    if (epoch < this.epoch || (epoch === this.epoch && sequence <= this.sequence && kind !== UpdateKind.SNAPSHOT))
      return false;
    this.epoch = epoch;
    this.sequence = sequence;
    return true;
  }
}

const CUT_AFTER_MS = 2000;
