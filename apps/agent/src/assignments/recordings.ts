import { access } from "node:fs/promises";
import { parse } from "node:path";
import type { Destination } from "@stream-control/protocol";

/**
 * Keeps what earlier tries of a job have recorded: from the second assignment on, a recording whose file is there already
 * goes into a new one beside it, `match.mp4` into `match-2.mp4`. The first assignment overwrites, as its config asks for.
 */
export function keepEarlierRecordings(destinations: readonly Destination[], epoch: number): Promise<Destination[]> {
  return Promise.all(
    destinations.map(async (destination) => {
      if (destination.type !== "file" || epoch <= 1 || !(await exists(destination.path))) return destination;
      const { dir, name, ext } = parse(destination.path);
      return { ...destination, path: `${dir}/${name}-${epoch}${ext}` };
    }),
  );
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
