import { toError } from "@stream-control/service-kit";

/** What is wrong, as the end of a sentence whose subject is a file or a folder; errno(3). */
const PROBLEMS: Record<string, string> = {
  ENOSPC: "has no space left",
  EDQUOT: "has no space left within this user's quota",
  EROFS: "is on a read-only file system",
  EACCES: "may not be written to by this user",
  EPERM: "may not be written to by this user",
  ENOTDIR: "lies below something that is no folder",
  EIO: "cannot be read or written: the disk reports errors",
};

/** Says why a file could not be written, with the system's symbol: `has no space left (ENOSPC)`. */
export function fileProblem(thrown: unknown): string {
  const symbol = symbolOf(thrown);
  return `${PROBLEMS[symbol] ?? "could not be written"} (${symbol})`;
}

/** Whether that was thrown because something cannot be written, rather than because a program cannot be run. */
export const isFileProblem = (thrown: unknown): boolean =>
  Object.hasOwn(PROBLEMS, symbolOf(thrown)) && !syscallOf(thrown).startsWith("spawn");

function syscallOf(thrown: unknown): string {
  const error = toError(thrown);
  return "syscall" in error ? String(error.syscall) : "";
}

function symbolOf(thrown: unknown): string {
  const error = toError(thrown);
  return "code" in error ? String(error.code) : error.name;
}
