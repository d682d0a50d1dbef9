import { ConfigError } from "./config.js";
import { toError } from "./errors.js";

/**
 * The life of a command that does one thing and ends: exit 0 when it is done, 64 (`EX_USAGE` of sysexits.h) with the usage
 * where there is no such command, 78 for a wrong configuration, 1 for any other failure, each with one sentence.
 *
 * @param command is given a way to write lines for people; false: there is no such command.
 */
export async function runCommand(
  command: (say: (line: string) => void) => Promise<boolean>,
  usage: string,
): Promise<never> {
  try {
    if (await command((line) => process.stdout.write(`${line}\n`))) process.exit(0);
    process.stderr.write(`${usage}\n`);
    process.exit(64);
  } catch (thrown) {
    process.stderr.write(`${toError(thrown).message}\n`);
    process.exit(thrown instanceof ConfigError ? 78 : 1);
  }
}
