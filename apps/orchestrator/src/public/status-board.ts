import { isFinalStatus, type PublicStream } from "@stream-control/protocol";
import type { Caller } from "@stream-control/service-kit/access";
import { asSystem } from "@stream-control/service-kit/http";
import type { Committed, Ledger } from "../jobs/ledger.js";
import type { JobRow } from "../store/tables.js";
import { isMember, type PublicRooms } from "./public-rooms.js";
import { publicStream, type StreamTexts, textsOfRow } from "./public-stream.js";

/** Changes that come within this time are told together. */
const TOGETHER_MS = 200;

export interface StatusBoardDeps {
  rooms: PublicRooms;
  ledger: Ledger;
  /** Who sees a job's broadcast, where it is to have one. */
  privacyOf: (jobId: string) => string | undefined;
  /** The names that are set for a sheet of a room. */
  namesOf: (room: string, sheet: string) => { red: string; yellow: string };
}

/** The streams of the public rooms, as anybody may see them. */
export class StatusBoard {
  private readonly open = new Map<string, JobRow>();
  /** Reading a row costs more than anything else here, and most rows are the same from one list to the next. */
  private readonly texts = new WeakMap<JobRow, StreamTexts>();
  private readonly listeners = new Set<() => void>();
  private forAnybody: PublicStream[] | undefined;
  private telling: NodeJS.Timeout | undefined;

  constructor(private readonly deps: StatusBoardDeps) {}

  start(open: readonly JobRow[]): void {
    for (const job of open) this.note(job);
    this.deps.ledger.onCommit((committed) => this.onCommit(committed));
  }

  stop(): void {
    clearTimeout(this.telling);
  }

  /** Calls the listener soon after something may have changed. */
  onChange(listener: () => void): void {
    this.listeners.add(listener);
  }

  /** Something changed that is no job's row: a broadcast's privacy, or names of a sheet. */
  touch(): void {
    this.forAnybody = undefined;
    this.telling ??= asSystem(() =>
      setTimeout(() => {
        this.telling = undefined;
        for (const listener of this.listeners) listener();
      }, TOGETHER_MS),
    );
  }

  /** What somebody may see, in the order of submission. */
  streams(caller: Caller | undefined): PublicStream[] {
    if (caller !== undefined) return this.list((room) => isMember(caller, room));
    this.forAnybody ??= this.list(() => false);
    return this.forAnybody;
  }

  private list(showsAdminOf: (room: string) => boolean): PublicStream[] {
    const { privacyOf, namesOf } = this.deps;
    return [...this.open.values()].flatMap((job) => {
      const texts = this.texts.get(job) ?? textsOfRow(job);
      this.texts.set(job, texts);
      const namesHere = (sheet: string) => namesOf(job.room, sheet);
      const facts = { privacy: privacyOf(job.id), namesOf: namesHere, showsAdmin: showsAdminOf(job.room) };
      return publicStream(job, texts, facts) ?? [];
    });
  }

  private onCommit({ job }: Committed): void {
    if (this.note(job)) this.touch();
  }

  /** @returns whether the job is one that anybody may see anything of. */
  private note(job: JobRow): boolean {
    if (!this.deps.rooms.has(job.room)) return false;
    if (isFinalStatus(job.status)) this.open.delete(job.id);
    else this.open.set(job.id, job);
    return true;
  }
}
