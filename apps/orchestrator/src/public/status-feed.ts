import { isDeepStrictEqual } from "node:util";
import type { PublicStream, StatusUpdate } from "@stream-control/protocol";
import type { Caller } from "@stream-control/service-kit/access";
import type { WebSocket } from "ws";
import type { Listener, Listeners, Viewer } from "./listeners.js";
import type { StatusBoard } from "./status-board.js";

export interface StatusFeedDeps {
  board: StatusBoard;
  listeners: Listeners;
  now: () => Date;
}

/**
 * `/status-ws`: the list of public streams, at once and on every change, and again now and then so that a page notices a
 * line that is dead.
 */
export class StatusFeed {
  private readonly pages = new Set<Listener>();
  private told: PublicStream[] | undefined;

  constructor(private readonly deps: StatusFeedDeps) {
    deps.board.onChange(() => this.changed());
    deps.listeners.onTick(() => this.tellAll());
  }

  /** Takes over a socket that was opened on `/status-ws`. */
  accept(socket: WebSocket, viewer: Viewer): void {
    const page = this.deps.listeners.admit(socket, viewer);
    if (page === undefined) return;
    this.pages.add(page);
    socket.once("close", () => this.pages.delete(page));
    page.onMessage(() => undefined);
    page.send(this.text(viewer.caller));
  }

  private changed(): void {
    // Where nobody listens, no list is made.
    if (this.pages.size === 0) {
      this.told = undefined;
      return;
    }
    const streams = this.deps.board.streams(undefined);
    const isSame = isDeepStrictEqual(streams, this.told);
    this.told = streams;
    if (!isSame) this.tellAll();
    // An address that only they may see can have changed.
    else this.tellAll(({ caller }) => caller !== undefined);
  }

  private tellAll(which: (page: Listener) => boolean = () => true): void {
    if (this.pages.size === 0) return;
    const forAnybody = this.text(undefined);
    for (const page of this.pages)
      if (which(page)) page.send(page.caller === undefined ? forAnybody : this.text(page.caller));
  }

  private text(caller: Caller | undefined): string {
    const { board, now } = this.deps;
    const update: StatusUpdate = {
      ...{ type: "status.update", ts: now().toISOString() },
      payload: { streams: board.streams(caller) },
    };
    return JSON.stringify(update);
  }
}
