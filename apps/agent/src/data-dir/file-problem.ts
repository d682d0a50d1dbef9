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

/** The system's symbol for what went wrong, such as `ENOENT`; `unknown` where it is nothing of the system's. */
export const symbolOf = (thrown: unknown): string => field(thrown, "code") ?? "unknown";

const syscallOf = (thrown: unknown) => field(thrown, "syscall") ?? "";

function field(thrown: unknown, name: "code" | "syscall"): string | undefined {
  if (typeof thrown !== "object" || thrown === null) return undefined;
  const value: unknown = Reflect.get(thrown, name);
  return typeof value === "string" ? value : undefined;
}
