import type { ChainReport, EraseReply, EraseRequest, LogHead } from "@stream-control/protocol";
import { currentCaller } from "../http/caller.js";
import { EXPORTED, LOG_SUBJECT } from "./announcements.js";
import { type EraseElsewhere, erasePersonalData } from "./erase.js";
import { EventLog, readHead } from "./event-log.js";
import type { LogStore } from "./executor.js";
import { type AuditFilter, AuditReader } from "./reader.js";
import { type VerifyOptions, verifyLog } from "./verify.js";

/** What an auditor does: the same by REST, and by command on the file or through REST. */
export interface AuditDesk {
  /** The newest entry: note it down elsewhere, and what is before it can't be changed unseen. */
  head(): Promise<LogHead>;
  verify(options: VerifyOptions): Promise<ChainReport>;
  /** Lines of JSON, in pieces of any size. */
  export(filter: AuditFilter): AsyncIterable<string>;
  erase(request: EraseRequest): Promise<EraseReply>;
}

export interface LocalDeskOptions {
  store: LogStore;
  log?: EventLog;
  /** What the service keeps of people outside the log. */
  elsewhere?: EraseElsewhere;
}

/** The desk where the database is. */
export class LocalDesk implements AuditDesk {
  readonly reader: AuditReader;
  private readonly store: LogStore;
  private readonly log: EventLog;
  private readonly elsewhere: EraseElsewhere | undefined;

  constructor({ store, log = new EventLog({ store }), elsewhere }: LocalDeskOptions) {
    this.store = store;
    this.log = log;
    this.elsewhere = elsewhere;
    this.reader = new AuditReader(store.db);
  }

  head(): Promise<LogHead> {
    return readHead(this.store.db);
  }

  verify(options: VerifyOptions): Promise<ChainReport> {
    return verifyLog(this.store.db, options);
  }

  /** A copy leaves the house: the log says so, and the copy has that entry too. */
  async *export(filter: AuditFilter): AsyncGenerator<string> {
    const entry = { type: EXPORTED, subject: LOG_SUBJECT, message: "The log was exported.", data: { filter } };
    const by = currentCaller();
    await this.store.write((tx) => this.log.append(tx, { by, ...entry }));
    yield* this.reader.export(filter);
  }

  erase(request: EraseRequest): Promise<EraseReply> {
    const { store, log, elsewhere } = this;
    return erasePersonalData(request, { store, log, elsewhere });
  }
}
