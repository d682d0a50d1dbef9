/** Cuts a byte stream into lines. A line longer than the limit is an error: no peer may fill the memory. */
export class LineReader {
  private rest = "";
  private readonly decoder = new TextDecoder();

  constructor(private readonly maxLength = 1_048_576) {}

  /** @throws RangeError when a line is longer than allowed. */
  push(chunk: Uint8Array): string[] {
    const parts = (this.rest + this.decoder.decode(chunk, { stream: true })).split("\n");
    this.rest = parts.pop() ?? "";
    if (this.rest.length > this.maxLength) throw new RangeError("A line is too long.");
    return parts.filter((line) => line !== "");
  }
}
