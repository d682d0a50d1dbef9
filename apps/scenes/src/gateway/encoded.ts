import type { StateUpdate } from "@stream-control/proto/scenes";
import { updateJson } from "../wire/update-json.js";
import { frameOf } from "./frame.js";

export type Format = "json" | "protobuf";

/** One update as frames, each made once for all who want it, and only where somebody does. */
export class Encoded {
  private json: Buffer | undefined;
  private binary: Buffer | undefined;

  constructor(
    private readonly update: StateUpdate,
    private readonly data: Uint8Array,
  ) {}

  frame(format: Format): Buffer {
    if (format === "json") {
      this.json ??= frameOf(JSON.stringify(updateJson(this.update)));
      return this.json;
    }
    this.binary ??= frameOf(this.data);
    return this.binary;
  }
}
