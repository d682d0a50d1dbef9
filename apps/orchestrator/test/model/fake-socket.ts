import { EventEmitter } from "node:events";

/** The server's end of a socket without a network: what is sent is handed on, what comes is emitted. */
export class FakeSocket extends EventEmitter {
  readonly OPEN = 1;
  readonly CLOSED = 3;
  readonly bufferedAmount = 0;
  readyState = 1;

  constructor(private readonly onSend: (text: string) => void) {
    super();
  }

  send(text: string): void {
    if (this.readyState === this.OPEN) this.onSend(text);
  }

  close(): void {
    if (this.readyState !== this.OPEN) return;
    this.readyState = 2;
    queueMicrotask(() => this.terminate());
  }

  terminate(): void {
    if (this.readyState === this.CLOSED) return;
    this.readyState = this.CLOSED;
    this.emit("close");
  }

  pause(): void {
    // Messages come when the model delivers them.
  }
  resume(): void {
    // As above.
  }
}
