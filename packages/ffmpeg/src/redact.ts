import { type Destination, redactAddress } from "@stream-control/protocol";
import { rtmpAddress } from "./arguments/sender.js";

// What a secret looks like is known in one place, the protocol, because the orchestrator masks the same configs.
export { createRedactor, REDACTED, type Redactor, redactAddress, secretsOf } from "@stream-control/protocol";

/** A destination's address or path as it may be shown. */
export function destinationTarget(destination: Destination): string {
  switch (destination.type) {
    case "rtmp":
      return redactAddress(rtmpAddress(destination));
    case "srt":
      return redactAddress(destination.url);
    default:
      return destination.path;
  }
}
