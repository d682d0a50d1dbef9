import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";

/** How many handshakes are under way at once. */
const AT_ONCE = 100;

/**
 * Clients that cost as little as a client can, so that what is measured is the service: each reads frames of protobuf and takes
 * nothing but the moment out of them.
 */
export class SceneSockets {
  latenciesMs: number[] = [];
  private readonly sockets = new Set<Socket>();
  private isMeasuring = false;

  constructor(private readonly port: number) {}

  get size(): number {
    return this.sockets.size;
  }

  /** Forgets what came so far, and counts from now on. */
  measure(): void {
    this.latenciesMs = [];
    this.isMeasuring = true;
  }

  async open(streamId: string, count: number): Promise<void> {
    let left = count;
    const one = async () => {
      while (left > 0) {
        left -= 1;
        await this.openOne(streamId);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, one));
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  private openOne(streamId: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, "127.0.0.1");
      socket.setNoDelay(true);
      socket.once("error", reject);
      socket.once("close", () => this.sockets.delete(socket));
      const key = randomBytes(16).toString("base64");
      socket.write(
        `GET /streams/${streamId}/ws?format=protobuf HTTP/1.1\r\nHost: 127.0.0.1:${this.port}\r\nUpgrade: websocket\r\n` +
          `Connection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
      );
      let rest: Buffer | undefined;
      let isOpen = false;
      socket.on("data", (chunk) => {
        let data = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
        if (!isOpen) {
          const end = data.indexOf("\r\n\r\n");
          if (end < 0) {
            rest = data;
            return;
          }
          if (!data.toString("latin1", 0, 12).endsWith(" 101")) {
            reject(new Error(`refused: ${data.toString("latin1", 0, 200)}`));
            return;
          }
          isOpen = true;
          this.sockets.add(socket);
          resolve();
          data = data.subarray(end + 4);
        }
        rest = this.frames(data, socket);
      });
    });
  }

  /** @returns what is no whole frame yet. */
  private frames(data: Buffer, socket: Socket): Buffer | undefined {
    let at = 0;
    while (data.length - at >= 2) {
      const opcode = (data[at] ?? 0) & 0x0f;
      let length = (data[at + 1] ?? 0) & 0x7f;
      let head = 2;
      if (length === 126) {
        if (data.length - at < 4) break;
        length = data.readUInt16BE(at + 2);
        head = 4;
      }
      if (data.length - at < head + length) break;
      const from = at + head;
      at = from + length;
      if (opcode === 9) socket.write(Buffer.from([0x8a, 0x80, 0, 0, 0, 0]));
      else if (opcode === 2 && this.isMeasuring) this.latenciesMs.push(Date.now() - momentOf(data, from, at));
    }
    return at === data.length ? undefined : data.subarray(at);
  }
}

/** `at_ms` (field 3) of an update, without reading anything else of it. */
export function momentOf(data: Uint8Array, from: number, end: number): number {
  let at = from;
  const varint = () => {
    let [value, factor] = [0, 1];
    for (;;) {
      const byte = data[at++] ?? 0;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
  };
  while (at < end) {
    const tag = varint();
    const type = tag % 8;
    if (type === 0) {
      const value = varint();
      if (tag === 3 * 8) return value;
    } else if (type === 1) at += 8;
    else {
      const length = varint();
      at += length;
    }
  }
  throw new Error("An update has no moment.");
}
