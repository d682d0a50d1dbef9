import { isDeepStrictEqual } from "node:util";
import { CLOSE_CODES, type PublicStream, type StatusUpdate } from "@stream-control/protocol";
import { type Logger, toError } from "@stream-control/service-kit";
import type { Access, Caller } from "@stream-control/service-kit/access";
import type { WebSocket } from "ws";
import { closeSocket } from "../agents/session.js";
import type { Listener, Listeners } from "./listeners.js";
import type { StatusBoard } from "./status-board.js";

export interface StatusFeedDeps {
  access: Access;
  board: StatusBoard;
  listeners: Listeners;
  logger: Logger;
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
    deps.listeners.onTick(() => {
      this.tellAll();
      // A session ends without anybody saying so.
      this.checkRights();
    });
    deps.access.onRightsChanged(() => this.checkRights());
  }

  /** Takes over a socket that was opened on `/status-ws`. */
  accept(socket: WebSocket, address: string, caller: Caller | undefined): void {
    const page = this.deps.listeners.admit(socket, address, caller);
    if (page === undefined) return;
    this.pages.add(page);
    socket.once("close", () => this.pages.delete(page));
    page.onMessage(() => undefined);
    page.send(this.text(caller));
  }

  private changed(): void {
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

  /** Whoever has lost their rights comes back as nobody in particular. */
  private checkRights(): void {
    const { access, logger } = this.deps;
    for (const { caller, socket } of this.pages) {
      if (caller === undefined) continue;
      access.stillIn(caller).then(
        (principal) => {
          if (!isDeepStrictEqual(principal?.grants, caller.principal.grants))
            closeSocket(socket, CLOSE_CODES.tryAgainLater, "the rights have changed; come back");
        },
        (error: unknown) => logger.warn({ err: toError(error) }, "a viewer's rights could not be read"),
      );
    }
  }
}
