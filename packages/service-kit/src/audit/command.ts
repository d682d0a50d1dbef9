import { once } from "node:events";
import type { Writable } from "node:stream";
import { parseArgs } from "node:util";
import {
  type ChainReport,
  describeIssues,
  eraseRequestSchema,
  logHeadTextSchema,
  parseWith,
} from "@stream-control/protocol";
import type { z } from "zod";
import { toError } from "../errors.js";
import type { AuditDesk } from "./desk.js";
import { auditFilterSchema } from "./reader.js";
import { RemoteDesk } from "./remote-desk.js";

const USAGE = `Usage: audit COMMAND [--url URL]

  audit head                              prints SEQ:HASH of the newest entry: keep it elsewhere
  audit verify [--expect SEQ:HASH]        checks the whole log; exit 1 where something is wrong
  audit export [--since T] [--until T] [--actor A] [--type T,…] [--subject S] [--result R]
                                          writes entries to standard output, a line of JSON each
  audit erase --actor A | --address A | --name N | --requested-by R
                                          erases personal data; entries stay and still check

Without --url it works on the database in DATA_DIR, while the service is stopped. With --url it asks the
running service, with the key in STREAM_CONTROL_API_KEY where the service wants one.
`;

/** Not used as it should be (`EX_USAGE` of sysexits.h). */
const EXIT_USAGE = 64;

export interface AuditCommandOptions {
  /** Opens the service's own database. */
  openDesk: () => Promise<{ desk: AuditDesk; close: () => Promise<void> }>;
  apiKey?: string | undefined;
  stdout: Writable;
  stderr: Writable;
}

class UsageError extends Error {}

/**
 * The command `audit` of a service.
 *
 * @returns the exit code: 0, 1 where the log is wrong or something failed, 64 where it is not used as it should be.
 */
export async function runAuditCommand(args: readonly string[], options: AuditCommandOptions): Promise<number> {
  const { stderr } = options;
  try {
    const { command, given } = understood(args);
    const work = COMMANDS[command];
    if (work === undefined) throw new UsageError(USAGE);
    const run = work(given);
    const { desk, close } = await deskFor(given.url, options);
    try {
      return await run(desk, options);
    } finally {
      await close();
    }
  } catch (thrown) {
    stderr.write(`${toError(thrown).message.trimEnd()}\n`);
    return thrown instanceof UsageError ? EXIT_USAGE : 1;
  }
}

type Given = Record<string, string | undefined>;
type Run = (desk: AuditDesk, io: Pick<AuditCommandOptions, "stdout" | "stderr">) => Promise<number>;

/** What each command makes of its options, before anything is opened, and then does. */
const COMMANDS: Record<string, (given: Given) => Run> = {
  head:
    () =>
    async (desk, { stdout }) => {
      const { seq, hash } = await desk.head();
      stdout.write(`${seq}:${hash}\n`);
      return 0;
    },
  verify: ({ expect }) => {
    const expected = expect === undefined ? undefined : parsed(logHeadTextSchema, expect);
    return async (desk, { stdout, stderr }) => {
      const onProgress = progressTo(stderr);
      const report = await desk.verify({ expect: expected, onProgress });
      stdout.write(inWords(report));
      return report.ok ? 0 : 1;
    };
  },
  export: ({ url: _url, ...given }) => {
    const filter = parsed(auditFilterSchema.strict(), given);
    return async (desk, { stdout }) => {
      for await (const piece of desk.export(filter)) if (!stdout.write(piece)) await once(stdout, "drain");
      return 0;
    };
  },
  erase: ({ actor, address, name, "requested-by": requestedBy }) => {
    const request = parsed(eraseRequestSchema, { actor, address, name, requestedBy });
    return async (desk, { stdout }) => {
      const { origins, jobs } = await desk.erase(request);
      stdout.write(`Erased: ${origins} origins, the requester of ${jobs} jobs.\n`);
      return 0;
    };
  },
};

function understood(args: readonly string[]): { command: string; given: Given } {
  const names = [
    "url",
    "expect",
    "since",
    "until",
    "actor",
    "type",
    "subject",
    "result",
    "address",
    "name",
    "requested-by",
  ];
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: Object.fromEntries(names.map((name) => [name, { type: "string" as const }])),
    });
    const [command = "", ...more] = positionals;
    if (more.length > 0) throw new UsageError(USAGE);
    return { command, given: values as Given };
  } catch (thrown) {
    throw new UsageError(`${toError(thrown).message}\n\n${USAGE}`);
  }
}

function parsed<S extends z.ZodType>(schema: S, value: unknown): z.infer<S> {
  const result = parseWith(schema, value);
  if (!result.ok) throw new UsageError(`${describeIssues(result.issues)}.`);
  return result.value;
}

async function deskFor(url: string | undefined, { openDesk, apiKey }: AuditCommandOptions) {
  if (url === undefined) return openDesk();
  if (!URL.canParse(url)) throw new UsageError("--url must be an address such as http://127.0.0.1:8080.");
  return { desk: new RemoteDesk(url, apiKey), close: async () => undefined };
}

function progressTo(stderr: Writable): (checked: number, of: number) => void {
  let toldAt = performance.now();
  return (checked, of) => {
    if (performance.now() - toldAt < 1000) return;
    toldAt = performance.now();
    stderr.write(`${checked} of ${of} entries checked\n`);
  };
}

/** A report for a person: what is wrong first, then what it stands on. */
function inWords({ ok, entries, anchor, head, erasedOrigins, problems, problemCount }: ChainReport): string {
  const more = problemCount - problems.length;
  const lines = [
    ...problems.map(({ message }) => message),
    ...(more > 0 ? [`And ${more} more problems.`] : []),
    ok
      ? `The log is whole: ${entries} entries check.`
      : `The log is NOT whole: ${problemCount} problems in ${entries} entries.`,
    ...(anchor.seq > 0 ? [`It begins after the entry ${anchor.seq}; what was before has been pruned.`] : []),
    ...(erasedOrigins > 0 ? [`The personal data of ${erasedOrigins} origins has been erased.`] : []),
    `Head: ${head.seq}:${head.hash}`,
  ];
  return `${lines.join("\n")}\n`;
}
