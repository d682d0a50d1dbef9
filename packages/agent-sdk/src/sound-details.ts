import { errorInfoSchema, progressSchema } from "@stream-control/protocol";
import type { ReportDetails } from "./types.js";

/**
 * A report's details as the protocol takes them: too long texts cut, progress that does not fit left out. A report that
 * the orchestrator refuses for such a thing would be refused for ever, and its job never end.
 */
export function soundDetails({ error, progress }: ReportDetails): ReportDetails {
  const sound: ReportDetails = {};
  if (error !== undefined) {
    const code = error.code.slice(0, 64) || "UNKNOWN";
    const cut = { code, message: error.message.slice(0, 4096) };
    const whole = errorInfoSchema.safeParse({ ...error, ...cut });
    sound.error = whole.success ? whole.data : cut;
  }
  const measured = progressSchema.safeParse(progress);
  if (measured.success) sound.progress = measured.data;
  return sound;
}
