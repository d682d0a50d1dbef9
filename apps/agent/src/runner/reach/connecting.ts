import { EgressError } from "@stream-control/service-kit/egress";

/** What ffmpeg would have said had it connected itself: these words are what its failures are told apart by. */
const WORDS: Record<string, string> = {
  HOST_REFUSED: "Address not allowed",
  HOST_INVALID: "Address not allowed",
  HOST_NOT_FOUND: "Failed to resolve hostname",
  ECONNREFUSED: "Connection refused",
  ETIMEDOUT: "Connection timed out",
  EHOSTUNREACH: "No route to host",
  ENETUNREACH: "Network is unreachable",
  ECONNRESET: "Connection reset by peer",
};

/** Why a connection could not be made, in words that fit into one line of a protocol. */
export function failureWords(thrown: unknown): string {
  const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
  // Several addresses were tried: each has an error of its own.
  const [first] = thrown instanceof AggregateError ? thrown.errors : [];
  return WORDS[code] ?? (first === undefined ? "Connection failed" : failureWords(first));
}

/** Whether the policy is what stood in the way. */
export const isRefused = (thrown: unknown): thrown is EgressError =>
  thrown instanceof EgressError && thrown.code !== "HOST_NOT_FOUND";
