import { readFile } from "node:fs/promises";
import { z } from "zod";

/** What a stand-in writes down: it is the only one who knows when it really "pushed" a job's stream. */
export const journalLineSchema = z.discriminatedUnion("what", [
  z.object({ what: z.literal("start"), jobId: z.string(), epoch: z.int(), agentId: z.string(), at: z.number() }),
  /** `at`: the last moment at which it pushed. */
  z.object({ what: z.literal("end"), jobId: z.string(), epoch: z.int(), agentId: z.string(), at: z.number() }),
]);
export type JournalLine = z.infer<typeof journalLineSchema>;

/** A time in which a stand-in pushed a job's stream, in Unix milliseconds. */
export interface LightRun {
  jobId: string;
  epoch: number;
  agentId: string;
  from: number;
  /** Undefined while it goes on. */
  to: number | undefined;
}

/**
 * The runs in a journal.
 *
 * @param stillFrom when the process did its last; what had not ended by then ended there. Undefined while it lives.
 */
export function runsOf(lines: readonly JournalLine[], stillFrom: number | undefined): LightRun[] {
  const runs = new Map<string, LightRun>();
  for (const { what, jobId, epoch, agentId, at } of lines) {
    const key = `${jobId} ${epoch} ${agentId}`;
    if (what === "start") runs.set(key, { jobId, epoch, agentId, from: at, to: undefined });
    else {
      const run = runs.get(key);
      if (run !== undefined) run.to = at;
    }
  }
  return [...runs.values()].map((run) => ({ ...run, to: run.to ?? stillFrom }));
}

/** Reads a journal; the line that a kill cut short is left out. */
export async function readJournal(file: string): Promise<JournalLine[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => journalLineSchema.parse(JSON.parse(line)));
}
