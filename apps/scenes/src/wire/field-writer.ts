/**
 * Writes fields of a protobuf message by hand (https://protobuf.dev/programming-guides/encoding/), for what is written tens of
 * thousands of times a second. Zeros are written, too: they must replace what an earlier part says.
 */
export class FieldWriter {
  private readonly buffer = Buffer.allocUnsafe(1024);
  private end = 0;

  /** A whole number of any kind but the zigzag ones; negative ones as 64 bits of two's complement. */
  varint(field: number, value: number): this {
    this.raw(field * 8);
    if (value < 0) this.negative(BigInt(value));
    else this.raw(value);
    return this;
  }

  double(field: number, value: number): this {
    this.raw(field * 8 + 1);
    this.end = this.buffer.writeDoubleLE(value, this.end);
    return this;
  }

  /** ASCII of at most 100 characters. */
  text(field: number, value: string): this {
    this.raw(field * 8 + 2);
    this.raw(value.length);
    this.end += this.buffer.write(value, this.end, "latin1");
    return this;
  }

  /** Makes everything so far the content of one field. It must be shorter than 128 bytes. */
  wrap(field: number): this {
    this.buffer.copyWithin(2, 0, this.end);
    this.buffer[0] = field * 8 + 2;
    this.buffer[1] = this.end;
    this.end += 2;
    return this;
  }

  /** @returns the bytes given, then what was written; begins anew. */
  finish(before: Uint8Array): Uint8Array {
    const whole = Buffer.allocUnsafe(before.length + this.end);
    whole.set(before, 0);
    this.buffer.copy(whole, before.length, 0, this.end);
    this.end = 0;
    return whole;
  }

  private raw(given: number): void {
    let value = given;
    while (value > 0x7f) {
      // Shifts would cut to 32 bits.
      this.buffer[this.end++] = (value % 128) | 0x80;
      value = Math.floor(value / 128);
    }
    this.buffer[this.end++] = value;
  }

  private negative(given: bigint): void {
    let value = BigInt.asUintN(64, given);
    for (; value > 0x7fn; value >>= 7n) this.buffer[this.end++] = Number(value & 0x7fn) | 0x80;
    this.buffer[this.end++] = Number(value);
  }
}
