import type { OverlayUpdate, SheetOverlay } from "@stream-control/protocol";
import type { WebSocket } from "ws";
import type { Listener, Listeners, Viewer } from "../public/listeners.js";
import { keyOf } from "./job-teams.js";
import { forViewers } from "./sheet.js";
import type { Sheets } from "./sheets.js";

export interface SheetFeedDeps {
  sheets: Sheets;
  listeners: Listeners;
  now: () => Date;
}

/**
 * `/overlay-ws`: what is shown of a sheet, at once and on every change, and again now and then so that a page notices a line
 * that is dead.
 */
export class OverlayFeed {
  private readonly bySheet = new Map<string, { room: string; sheet: string; pages: Set<Listener> }>();

  constructor(private readonly deps: SheetFeedDeps) {
    deps.sheets.onChange((overlay) => this.tell(overlay));
    deps.listeners.onTick(() => {
      for (const { room, sheet } of this.bySheet.values()) this.tell(deps.sheets.get(room, sheet));
    });
  }

  /** Takes over a socket that was opened for a sheet. */
  accept(socket: WebSocket, viewer: Viewer, room: string, sheet: string): void {
    const { listeners, sheets } = this.deps;
    const page = listeners.admit(socket, viewer);
    if (page === undefined) return;
    const key = keyOf(room, sheet);
    const entry = this.bySheet.get(key) ?? { room, sheet, pages: new Set<Listener>() };
    this.bySheet.set(key, entry);
    entry.pages.add(page);
    socket.once("close", () => {
      entry.pages.delete(page);
      if (entry.pages.size === 0) this.bySheet.delete(key);
    });
    page.onMessage(() => undefined);
    page.send(this.text(sheets.get(room, sheet)));
  }

  private tell(overlay: SheetOverlay): void {
    const pages = this.bySheet.get(keyOf(overlay.room, overlay.sheet))?.pages;
    if (pages === undefined) return;
    const text = this.text(overlay);
    for (const page of pages) page.send(text);
  }

  private text(overlay: SheetOverlay): string {
    const ts = this.deps.now().toISOString();
    const update: OverlayUpdate = { type: "overlay.update", ts, payload: forViewers(overlay) };
    return JSON.stringify(update);
  }
}
