import { buildMessage, CLOSE_CODES, type Grants, type UiMessageType, type UiPayload } from "@stream-control/protocol";
import { type Caller, roleIn } from "@stream-control/service-kit/access";
import type { WebSocket } from "ws";
import { closeSocket } from "../agents/session.js";
import { seesSecrets } from "../jobs/visible.js";

/** Unsent bytes, beside its snapshot, at which a page counts as not reading. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;

/** Something that pages of a room are told. It is put into words once for each way of seeing it, and only if somebody does. */
export class News {
  private open: string | undefined;
  private masked: string | undefined;

  constructor(
    readonly room: string,
    private readonly write: (masked: boolean) => string,
  ) {}

  text(masked: boolean): string {
    if (masked) this.masked ??= this.write(true);
    else this.open ??= this.write(false);
    return (masked ? this.masked : this.open) ?? "";
  }
}

/** A message for pages about something in a room. */
export const newsOf = <T extends UiMessageType>(
  room: string,
  type: T,
  payload: (masked: boolean) => UiPayload<T>,
  seq?: number,
): News =>
  new News(room, (masked) =>
    JSON.stringify(buildMessage(type, payload(masked) as never, seq === undefined ? {} : { seq })),
  );

/** A page that follows `/ui`: what it may see, and what it has not read yet. */
export class Page {
  /** What came while it still waits for its snapshot; undefined once it has that. */
  private waiting: string[] | undefined = [];
  private waitingBytes = 0;
  private allowance = 0;

  constructor(
    readonly socket: WebSocket,
    readonly caller: Caller,
  ) {}

  get grants(): Grants {
    return this.caller.principal.grants;
  }
  get open(): boolean {
    return this.socket.readyState === this.socket.OPEN;
  }

  sees(room: string): boolean {
    return roleIn(this.grants, room) !== undefined;
  }

  /** Whether it is shown a room's stream keys and passwords masked. */
  masked(room: string): boolean {
    return !seesSecrets(this.grants, room);
  }

  /** Tells it, now or after its snapshot; a page that does not read is closed, so that it costs bounded memory. */
  tell(news: News): void {
    if (!this.open || !this.sees(news.room)) return;
    const text = news.text(this.masked(news.room));
    if (this.waiting === undefined) {
      if (this.socket.bufferedAmount > this.allowance) this.close(CLOSE_CODES.tryAgainLater, "too slow in reading");
      else this.socket.send(text);
      return;
    }
    this.waiting.push(text);
    this.waitingBytes += text.length;
    if (this.waitingBytes <= MAX_BUFFERED_BYTES) return;
    this.waiting = [];
    this.close(CLOSE_CODES.tryAgainLater, "too slow in reading");
  }

  /** It has its snapshot: gives it what came meanwhile. */
  catchUp(): void {
    for (const text of this.waiting ?? []) this.socket.send(text);
    this.waiting = undefined;
    // However large the snapshot is, the page may take its time to read it.
    this.allowance = this.socket.bufferedAmount + MAX_BUFFERED_BYTES;
  }

  close(code: number, reason: string): void {
    closeSocket(this.socket, code, reason);
  }
}
