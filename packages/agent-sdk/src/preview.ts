import type { Buffer } from "node:buffer";
import { Writable } from "node:stream";
import { WebSocket } from "ws";
import { type Credentials, socketProblem } from "./credentials.js";
import { CommandError } from "./types.js";

/** From the first packet to the open socket. */
const HANDSHAKE_MS = 5000;
/** Bytes that may wait before the writer is held up: little, since what waits comes late. */
const MAX_WAITING_BYTES = 128 * 1024;

/** The sockets of this agent's previews. */
export class PreviewSockets {
  private readonly open = new Set<PreviewOutput>();

  /** @param agentUrl of the agent's own socket. */
  constructor(
    private readonly agentUrl: string,
    private readonly credentials: () => Promise<Credentials>,
  ) {}

  /**
   * Opens the socket on which the orchestrator takes what goes out: beside the agent's own, as safe as that, and let in by its
   * ticket.
   *
   * @throws CommandError where it can't be opened.
   */
  async openWith(ticket: string): Promise<Writable> {
    const { secureContext } = await this.credentials();
    const url = new URL(this.agentUrl);
    url.pathname = `${url.pathname.replace(/\/$/, "")}/preview`;
    url.search = new URLSearchParams({ ticket }).toString();
    const socket = new WebSocket(url, {
      ...{ handshakeTimeout: HANDSHAKE_MS, perMessageDeflate: false, maxPayload: 1024 },
      ...(secureContext === undefined ? {} : { secureContext }),
    });
    const opened = Promise.withResolvers<void>();
    socket.once("open", () => opened.resolve());
    // The address has the ticket in it, the messages of these errors have not.
    socket.on("error", (error) => {
      const message = `The socket of the preview can't be opened: ${socketProblem(error)}`;
      opened.reject(new CommandError({ code: "PREVIEW_UNREACHABLE", message }));
    });
    await opened.promise;
    const output = new PreviewOutput(socket);
    this.open.add(output);
    output.once("close", () => this.open.delete(output));
    return output;
  }

  /** The connection to the orchestrator was lost: whoever watched has been told so, however dead these sockets look. */
  closeAll(): void {
    for (const output of this.open) output.destroy();
  }
}

/** Writes binary frames; a write is done when the kernel has taken it, so that a slow connection holds the writer up. */
class PreviewOutput extends Writable {
  constructor(private readonly socket: WebSocket) {
    super({ highWaterMark: MAX_WAITING_BYTES, decodeStrings: true });
    socket.once("close", () => this.destroy());
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(chunk, { binary: true }, (error) => done(error));
    else done(new Error("The socket of the preview is closed."));
  }

  override _final(done: () => void): void {
    this.socket.close(1000, "the stream has ended");
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    // After the end the close frame may still be on its way.
    if (this.socket.readyState === WebSocket.OPEN) this.socket.terminate();
    done(error);
  }
}
