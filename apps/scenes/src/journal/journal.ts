import type { JournalEntry, Rundown, TimelineState } from "../timeline/index.js";

/** A timeline as it is kept. Plain data. */
export interface TimelineRecord {
  readonly streamId: string;
  /** Who may see and steer it. */
  readonly room: string;
  /** What it was made with, and when: the beginning of its journal. */
  readonly made: { readonly rundown: Rundown; readonly atMs: number; readonly commandId: string };
  readonly state: TimelineState;
  /** The place in the journal up to which `state` has everything. */
  readonly position: number;
  /** The instance that it belongs to, and how many it has belonged to. */
  readonly owner: string;
  readonly epoch: number;
  /** Somebody has followed it. */
  readonly watched: boolean;
  readonly removedAtMs: number | null;
}

/** The timeline belongs to another instance by now; what was to be written was not. */
export class NotOwnerError extends Error {
  override readonly name = "NotOwnerError";
}

/** What the host of timelines is told of changes that it has not made. */
export interface JournalListener {
  /** A timeline belongs to this instance now. */
  gained(record: TimelineRecord): void;
  /** A timeline belongs to another instance now. */
  lost(streamId: string): void;
}

/**
 * Where timelines and their commands are kept. A command is on disk when `append` resolves; a state can always be had again from
 * the commands before it.
 */
export interface Journal {
  /** Gives the listener everything that belongs to this instance, now and later. */
  start(listener: JournalListener): Promise<void>;
  stop(): Promise<void>;
  /** Whether this instance may act as the owner of what it has: false from the moment on at which others may take it over. */
  readonly mayAct: boolean;
  /** @throws AppError `TIMELINE_EXISTS`. */
  create(record: TimelineRecord): Promise<TimelineRecord>;
  /**
   * Keeps a command and what came of it.
   *
   * @returns the record with its new place in the journal.
   * @throws NotOwnerError.
   */
  append(record: TimelineRecord, entry: JournalEntry): Promise<TimelineRecord>;
  /** Marks a timeline as gone; its journal stays for the time that as-run records are kept. @throws NotOwnerError. */
  remove(record: TimelineRecord): Promise<void>;
  /** A timeline, whoever it belongs to; undefined for one that is gone. */
  find(streamId: string): TimelineRecord | undefined;
  /** A timeline that is gone, as long as its as-run record is kept. */
  findRemoved(streamId: string): Promise<TimelineRecord | undefined>;
  /** How many there are. */
  readonly size: number;
  /** Every timeline that is not gone, in the order in which they were made. */
  list(): TimelineRecord[];
  /** Every command of a timeline, in its order. */
  entries(streamId: string): Promise<JournalEntry[]>;
}
