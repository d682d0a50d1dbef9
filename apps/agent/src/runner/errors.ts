import type { ErrorInfo } from "@stream-control/protocol";

/** A command that could not take effect; its words may be shown to the client. */
export class CommandError extends Error {
  override readonly name = "CommandError";

  constructor(readonly info: ErrorInfo) {
    super(info.message);
  }
}

/** Makes the error of a refused command. */
export const refused = (code: string, message: string): CommandError => new CommandError({ code, message });
