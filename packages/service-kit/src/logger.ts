import { maskSecrets, REDACTED, redactText } from "@stream-control/protocol";
import { type DestinationStream, type Logger, pino, stdSerializers } from "pino";

export type { Logger };

/** In the fields of a child logger secrets are found by these names alone, up to two levels deep. */
const CHILD_FIELDS = [
  "token",
  "streamKey",
  "passphrase",
  "password",
  "authorization",
  "cookie",
  "refreshToken",
  "auth",
];

/**
 * A JSON logger. Messages are static sentences, everything that varies is a field. Fields with secret names, however deep,
 * and the secrets inside addresses, in any text, are replaced; what a secret looks like, the protocol knows.
 *
 * @param destination where lines go; standard output unless given.
 */
export function createLogger(
  { name, level = "info" }: { name: string; level?: string },
  destination?: DestinationStream,
): Logger {
  const options = {
    name,
    level,
    redact: {
      paths: CHILD_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]),
      censor: REDACTED,
    },
    // Errors pass it untouched to their serializer, which masks them in the form that is written.
    formatters: { log: (fields: Record<string, unknown>) => maskSecrets(fields) },
    serializers: { err: maskError },
    hooks: {
      // pino takes the message of an error that is logged alone over as its own, past the serializer.
      logMethod(this: Logger, args: Parameters<Logger["info"]>, method: (...args: Parameters<Logger["info"]>) => void) {
        const [first, ...rest] = args as unknown[];
        const shown =
          first instanceof Error ? [{ err: first }, ...(rest.length === 0 ? [first.message] : rest)] : [first, ...rest];
        const texts = shown.map((part) => (typeof part === "string" ? redactText(part) : part));
        method.apply(this, texts as Parameters<Logger["info"]>);
      },
    },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

function maskError(thrown: unknown): unknown {
  if (!(thrown instanceof Error)) return maskSecrets(thrown);
  // A copy, because the serialized form has a prototype of pino's own.
  return maskSecrets({ ...stdSerializers.err(thrown) });
}

/** A logger that says nothing, for embedding and for tests. */
export const silentLogger = (): Logger => pino({ level: "silent" });
