/**
 * What follows `pnpm test`, for turbo: filters choose packages, the rest goes to jest behind `--`.
 *
 * @param {readonly string[]} argv
 * @returns {{ filters: string[], jest: string[] }} `filters` as turbo takes them
 * @throws {Error} with a sentence for whoever typed it
 */
export function parseTestArgs(argv) {
  /** @type {string[]} */
  const filters = [];
  /** @type {string[]} */
  const jest = [];
  for (let index = 0; index < argv.length; index += 1) {
    const argument = argv[index] ?? "";
    const joined = /^--filter=(.+)$/.exec(argument)?.[1];
    if (joined !== undefined) filters.push(`--filter=${joined}`);
    else if (argument === "--filter" || argument === "-F") {
      index += 1;
      const value = argv[index];
      if (value === undefined || value.startsWith("-"))
        throw new Error("--filter needs the name of a package, such as @stream-control/protocol.");
      filters.push(`--filter=${value}`);
    } else if (argument === "--") continue;
    else jest.push(argument);
  }
  return { filters, jest };
}
