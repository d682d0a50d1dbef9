/** Levels of pino, and how they are shown. */
const LEVELS = /** @type {const} */ ([
  [60, "FATAL"],
  [50, "ERROR"],
  [40, "WARN"],
  [30, "INFO"],
  [20, "DEBUG"],
  [0, "TRACE"],
]);
/** What the prefix already says, or nobody at a terminal asks for. */
const LEFT_OUT = new Set(["level", "time", "pid", "hostname", "name", "msg", "v"]);
/** From here on a line is shown on the terminal. */
const SHOWN_FROM = 40;

/**
 * Cuts a stream of text into lines.
 *
 * @param {(line: string) => void} onLine
 */
export function lineSplitter(onLine) {
  let rest = "";
  return {
    /** @param {string} text */
    push(text) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) onLine(line);
    },
    end() {
      if (rest !== "") onLine(rest);
      rest = "";
    },
  };
}

/**
 * A service's log line for the terminal: warnings, errors, and whatever is not a log line at all, such as a crash.
 *
 * @param {string} service
 * @param {string} line
 * @param {{ all?: boolean }} [options] `all`: calm lines too
 * @returns {string | undefined} undefined for a line that only the log file needs
 */
export function formatLogLine(service, line, { all = false } = {}) {
  const entry = parseEntry(line);
  if (entry === undefined) return line.trim() === "" ? undefined : `${service}: ${printable(line)}`;
  const level = Number(entry.level);
  if (level < SHOWN_FROM && !all) return undefined;
  const name = LEVELS.find(([from]) => level >= from)?.[1] ?? "TRACE";
  const time = new Date(Number(entry.time));
  const clock = Number.isNaN(time.getTime()) ? "" : `${time.toTimeString().slice(0, 8)} `;
  const fields = Object.entries(entry)
    .filter(([key]) => !LEFT_OUT.has(key))
    .map(([key, value]) => ` ${key}=${describe(value)}`)
    .join("");
  return `${clock}${service} ${name} ${printable(String(entry.msg ?? ""))}${printable(fields)}`;
}

/**
 * @param {string} line
 * @returns {Record<string, unknown> | undefined}
 */
function parseEntry(line) {
  if (!line.startsWith("{")) return undefined;
  try {
    const entry = JSON.parse(line);
    return typeof entry.level === "number" ? entry : undefined;
  } catch {
    return undefined;
  }
}

/** @param {unknown} value */
function describe(value) {
  if (typeof value === "string") return /^[\w./:@+-]+$/.test(value) ? value : JSON.stringify(value);
  // Stacks are in the log file.
  if (typeof value === "object" && value !== null && "message" in value) return JSON.stringify(value.message);
  return JSON.stringify(value);
}

/**
 * Keeps a log line from steering the terminal.
 *
 * @param {string} text
 */
const printable = (text) => text.replace(/\p{Cc}/gu, (character) => (character === "\t" ? "\t" : "�"));
