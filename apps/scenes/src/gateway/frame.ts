/** Opcodes of RFC 6455 §5.2. */
const TEXT = 0x1;
const BINARY = 0x2;
const FINAL = 0x80;

/** A whole WebSocket message as a server sends it (RFC 6455 §5.2), to be written to any number of sockets as it is. */
export function frameOf(data: Uint8Array | string): Buffer {
  const opcode = typeof data === "string" ? TEXT : BINARY;
  const payload = typeof data === "string" ? Buffer.from(data) : data;
  const { length } = payload;
  const headLength = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(headLength + length);
  frame[0] = FINAL | opcode;
  if (headLength === 2) frame[1] = length;
  else if (headLength === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame.set(payload, headLength);
  return frame;
}
