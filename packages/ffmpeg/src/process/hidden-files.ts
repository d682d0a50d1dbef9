import { randomBytes } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { concealArguments } from "./conceal.js";

/** A command line as it may be started, and how to remove the files that hold its secrets once the process has ended. */
export interface HiddenArguments {
  arguments: readonly string[];
  remove: () => void;
  /** Why the secrets stand in the command line after all. */
  problem?: string;
}

/**
 * Conceals a command line's secrets in files that only this user may read, for the life of one process. Where none of the
 * folders can be written the command line is given as it was: a stream on air is worth more than a secret kept from other
 * users of its machine.
 *
 * @param folders where the files may be; the first that can be written has them. With none, nothing is concealed.
 */
export function hideArguments(given: readonly string[], folders: readonly string[]): HiddenArguments {
  let problem: string | undefined;
  for (const folder of folders) {
    const written: string[] = [];
    const remove = () => {
      for (const file of written) rmSync(file, { force: true });
    };
    try {
      const name = randomBytes(8).toString("hex");
      const concealed = concealArguments(given, (number) => join(folder, `ffmpeg-${name}-${number}`));
      for (const [file, text] of concealed.files) {
        written.push(file);
        writeFileSync(file, text, { mode: 0o600, flag: "wx" });
      }
      return { arguments: concealed.arguments, remove };
    } catch (thrown) {
      // The words of a file system's error name the file, and no more than that.
      problem = String(thrown);
      remove();
    }
  }
  return { arguments: given, remove: () => {}, ...(problem === undefined ? {} : { problem }) };
}
