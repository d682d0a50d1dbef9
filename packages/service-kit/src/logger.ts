import { type DestinationStream, type Logger, pino } from "pino";

export type { Logger };

/** Field names whose values never reach a log, wherever one or two levels deep they stand. */
const SECRET_FIELDS = [
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
 * A JSON logger. Messages are static sentences, everything that varies is a field; known secret fields are replaced.
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
      paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]),
      censor: "[secret]",
    },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/** A logger that says nothing, for embedding and for tests. */
export const silentLogger = (): Logger => pino({ level: "silent" });
