import { openStore, type Store, sql } from "@stream-control/store";
import { temporaryFolder } from "@stream-control/test-kit";
import { EventLog, type EventLogTables, eventLogMigration, LocalDesk, LogRetention } from "../../src/audit/index.js";
import type { Caller } from "../../src/http/caller.js";

/** A real log in a database of its own, with a clock that the test sets. */
export class Log implements AsyncDisposable {
  nowMs = Date.parse("2030-01-01T00:00:00.000Z");
  log!: EventLog;
  desk!: LocalDesk;
  retention!: LogRetention;

  private constructor(
    private readonly folder: Awaited<ReturnType<typeof temporaryFolder>>,
    public store: Store<EventLogTables>,
  ) {
    this.build();
  }

  static async open(): Promise<Log> {
    const folder = await temporaryFolder();
    return new Log(folder, await openLog(folder.path));
  }

  /** As after a restart of the service. */
  async reopen(): Promise<void> {
    await this.store.close();
    this.store = await openLog(this.folder.path);
    this.build();
  }

  get file(): string {
    return `${this.folder.path}/log.db`;
  }

  append(text: string, by: Caller = { actor: "system" }) {
    return this.store.write((tx) => this.log.append(tx, { by, type: "test.said", subject: "test:1", message: text }));
  }

  verify(expect?: { seq: number; hash: string }) {
    return this.desk.verify({ expect });
  }

  prune(olderThanMs: number): Promise<number> {
    return this.retention.prune(new Date(this.nowMs - olderThanMs));
  }

  /** What an intruder with the file can do: the triggers stop nobody who can write to it. */
  async tamper(...statements: ReturnType<typeof sql>[]): Promise<void> {
    await this.store.write(async (tx) => {
      await sql`drop trigger if exists events_stay`.execute(tx);
      await sql`drop trigger if exists events_are_kept`.execute(tx);
      for (const statement of statements) await statement.execute(tx);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close();
    await this.folder.remove();
  }

  private build(): void {
    const { store } = this;
    this.log = new EventLog({ store, now: () => new Date(this.nowMs) });
    this.desk = new LocalDesk({ store, log: this.log });
    this.retention = new LogRetention({ store, log: this.log });
  }
}

const openLog = (folder: string) =>
  openStore<EventLogTables>({ file: `${folder}/log.db`, migrations: { "0001-events": eventLogMigration } });

export async function linesOf(pieces: AsyncIterable<string>): Promise<Record<string, unknown>[]> {
  let text = "";
  for await (const piece of pieces) text += piece;
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
