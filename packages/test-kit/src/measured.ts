import { appendFileSync } from "node:fs";

/** What else is to be known of a measured time. */
export interface MeasuredDetails {
  /** What was waited for, where a row of the matrix has several such moments. */
  until?: string;
  /** The setting that the time contains, with its value in this test, so that what was measured beyond it can be told. */
  setting?: { name: string; ms: number };
}

/** One line of the file that `measured` writes. */
export interface MeasuredLine extends MeasuredDetails {
  row: string;
  ms: number;
}

/**
 * Notes how long it took from a fault to what a user sees of the recovery. `pnpm measure:recovery` collects these; in any
 * other run it does nothing.
 *
 * @param row the first cell of the row of `docs/failure-matrix.md`, without backticks
 * @param time milliseconds, or two moments of one clock
 */
export function measured(
  row: string,
  time: number | { from: number; to: number },
  details: MeasuredDetails = {},
): void {
  // biome-ignore lint/style/noProcessEnv: Tests have no config module, and jest starts each of them in a process of its own.
  const file = process.env.RECOVERY_TIMES;
  if (file === undefined || file === "") return;
  const ms = typeof time === "number" ? time : time.to - time.from;
  const line: MeasuredLine = { row, ms: Math.round(ms * 10) / 10, ...details };
  appendFileSync(file, `${JSON.stringify(line)}\n`);
}
