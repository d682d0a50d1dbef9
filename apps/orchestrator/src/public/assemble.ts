import type { Logger } from "@stream-control/service-kit";
import type { Access } from "@stream-control/service-kit/access";
import type { Routes } from "@stream-control/service-kit/app";
import type { EventLog } from "@stream-control/service-kit/audit";
import { type DoorLimits, doorLimits } from "@stream-control/service-kit/http";
import type { Store } from "@stream-control/store";
import type { RequestHandler } from "express";
import type { AgentRegistry } from "../agents/registry.js";
import type { Ledger } from "../jobs/ledger.js";
import type { LiveChanges } from "../jobs/live-changes.js";
import { BurntIn } from "../sheets/burnt-in.js";
import { OverlayFeed } from "../sheets/overlay-feed.js";
import { overlayRoutes, teamNameRoutes } from "../sheets/routes.js";
import { Sheets } from "../sheets/sheets.js";
import { TeamNameFeed } from "../sheets/team-name-feed.js";
import type { JobRow, Tables } from "../store/tables.js";
import type { Broadcast } from "../youtube/broadcasts/broadcast.js";
import { Listeners } from "./listeners.js";
import { PublicRooms } from "./public-rooms.js";
import { publicRoutes } from "./routes.js";
import type { PublicSettings } from "./settings.js";
import { StatusBoard } from "./status-board.js";
import { StatusFeed } from "./status-feed.js";

export interface PublicDeps {
  access: Access;
  readBody: RequestHandler;
  store: Store<Tables>;
  log: EventLog;
  ledger: Ledger;
  registry: AgentRegistry;
  changes: LiveChanges;
  settings: PublicSettings;
  limits: Partial<DoorLimits> | undefined;
  /** Folder with the pages of the orchestrator itself. */
  publicDir: string;
  /** The broadcasts that jobs have, where there are any. */
  broadcasts:
    | { privacyOf(jobId: string): string | undefined; onChange(listener: (broadcast: Broadcast) => void): unknown }
    | undefined;
  logger: Logger;
  now: () => Date;
}

/** What anybody may see, and how they follow it. */
export interface PublicParts {
  readonly rooms: PublicRooms;
  readonly status: StatusFeed;
  readonly overlays: OverlayFeed;
  readonly teamNames: TeamNameFeed;
  readonly burntIn: BurntIn;
  readonly routes: Routes;
  start(open: readonly JobRow[]): Promise<void>;
  /** Resolves when every viewer's socket is closed. */
  stop(): Promise<void>;
}

/** Viewers may take a quarter of all connections: agents and operators always find one. */
const SHARE_OF_VIEWERS = 0.25;

export function assemblePublic(deps: PublicDeps): PublicParts {
  const { access, readBody, store, log, ledger, settings, publicDir, broadcasts, logger, now } = deps;
  const { maxConnections } = { ...doorLimits(deps.limits?.maxConnections), ...deps.limits };
  const rooms = new PublicRooms(settings.rooms);
  const maxSockets = Math.max(1, Math.floor(maxConnections * SHARE_OF_VIEWERS));
  const listeners = new Listeners({ maxSockets, access, logger });
  const sheets = new Sheets({ store, log, ledger, logger, now });
  const board = new StatusBoard({
    ...{ rooms, ledger },
    privacyOf: (jobId) => broadcasts?.privacyOf(jobId),
    namesOf: (room, sheet) => sheets.get(room, sheet).shownNames,
  });
  broadcasts?.onChange(() => board.touch());
  sheets.onChange(({ room }) => {
    if (rooms.has(room)) board.touch();
  });
  const burntIn = new BurntIn({ sheets, ledger, registry: deps.registry, changes: deps.changes, logger });
  return {
    ...{ rooms, burntIn },
    status: new StatusFeed({ board, listeners, now }),
    overlays: new OverlayFeed({ sheets, listeners, now }),
    teamNames: new TeamNameFeed({ sheets, listeners, rooms, now }),
    routes: [
      ["/", publicRoutes({ access, readBody, board, publicDir })],
      ["/v1/overlays", overlayRoutes({ access, readBody, sheets })],
      ["/v1/teamnames", teamNameRoutes({ access, readBody, sheets })],
    ],
    async start(open) {
      await sheets.start(open);
      burntIn.start(open);
      board.start(open);
      listeners.start();
    },
    async stop() {
      board.stop();
      burntIn.stop();
      await listeners.stop();
    },
  };
}
