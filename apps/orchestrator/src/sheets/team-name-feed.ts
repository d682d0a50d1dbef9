import {
  describeIssues,
  parseWith,
  registerTeamNameSchema,
  type SheetOverlay,
  type TeamColor,
  type TeamNameUpdate,
} from "@stream-control/protocol";
import type { WebSocket } from "ws";
import type { Listener, Viewer } from "../public/listeners.js";
import type { PublicRooms } from "../public/public-rooms.js";
import { keyOf } from "./job-teams.js";
import type { SheetFeedDeps } from "./overlay-feed.js";

export interface TeamNameFeedDeps extends SheetFeedDeps {
  rooms: PublicRooms;
}

/** Names that one page may follow. */
const MAX_NAMES = 50;

/** A name that a page shows. */
interface Shown {
  room: string;
  sheet: string;
  color: TeamColor;
  told: string | undefined;
}

/** `/teamnames-ws`: a page says which names it shows, and is told each at once and on every change. */
export class TeamNameFeed {
  private readonly pages = new Map<Listener, Map<string, Shown>>();

  constructor(private readonly deps: TeamNameFeedDeps) {
    deps.sheets.onChange((overlay) => {
      for (const [page, names] of this.pages)
        for (const shown of names.values())
          if (shown.room === overlay.room && shown.sheet === overlay.sheet) this.tell(page, shown, overlay);
    });
  }

  /** Takes over a socket that was opened on `/teamnames-ws`. */
  accept(socket: WebSocket, viewer: Viewer): void {
    const page = this.deps.listeners.admit(socket, viewer);
    if (page === undefined) return;
    this.pages.set(page, new Map());
    socket.once("close", () => this.pages.delete(page));
    page.onMessage((text) => this.register(page, text));
  }

  private register(page: Listener, text: string): void {
    const names = this.pages.get(page);
    if (names === undefined) return;
    const parsed = parseWith(registerTeamNameSchema, fromText(text));
    if (!parsed.ok) {
      refuse(page, "INVALID_MESSAGE", `The message is wrong: ${describeIssues(parsed.issues)}.`);
      return;
    }
    const { room, sheet, color } = parsed.value;
    const key = `${color} ${keyOf(room, sheet)}`;
    if (!this.deps.rooms.letsSee(page.caller, room))
      refuse(page, "NOT_FOUND", "There is no such room that you may see.");
    else if (!names.has(key) && names.size >= MAX_NAMES)
      refuse(page, "TOO_MANY", `A page follows at most ${MAX_NAMES} names.`);
    else {
      const shown: Shown = { room, sheet, color, told: undefined };
      names.set(key, shown);
      this.tell(page, shown, this.deps.sheets.get(room, sheet));
    }
  }

  private tell(page: Listener, shown: Shown, { shownNames }: SheetOverlay): void {
    const { sheet, color } = shown;
    const teamName = shownNames[color];
    if (teamName === shown.told) return;
    shown.told = teamName;
    const ts = this.deps.now().toISOString();
    const update: TeamNameUpdate = { type: "teamname.update", sheet, color, teamName, ts };
    page.send(JSON.stringify(update));
  }
}

const refuse = (page: Listener, code: string, message: string): void =>
  page.send(JSON.stringify({ type: "error", code, message }));

function fromText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
