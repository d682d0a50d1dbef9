import type { Logger } from "@stream-control/service-kit";
import type { Access } from "@stream-control/service-kit/access";
import { type DoorLimits, doorLimits } from "@stream-control/service-kit/http";
import type { RequestHandler } from "express";
import type { Routes } from "../http/app.js";
import type { Ledger } from "../jobs/ledger.js";
import type { JobRow } from "../store/tables.js";
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
  ledger: Ledger;
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
  readonly routes: Routes;
  start(open: readonly JobRow[]): void;
  /** Resolves when every viewer's socket is closed. */
  stop(): Promise<void>;
}

/** Viewers may take a quarter of all connections: agents and operators always find one. */
const SHARE_OF_VIEWERS = 0.25;

export function assemblePublic(deps: PublicDeps): PublicParts {
  const { access, readBody, ledger, settings, publicDir, broadcasts, logger, now } = deps;
  const { maxConnections } = { ...doorLimits(deps.limits?.maxConnections), ...deps.limits };
  const rooms = new PublicRooms(settings.rooms);
  const listeners = new Listeners({ maxSockets: Math.max(1, Math.floor(maxConnections * SHARE_OF_VIEWERS)), logger });
  const board = new StatusBoard({
    ...{ rooms, ledger },
    privacyOf: (jobId) => broadcasts?.privacyOf(jobId),
    namesOf: () => ({ red: "", yellow: "" }),
  });
  broadcasts?.onChange(() => board.touch());
  const status = new StatusFeed({ access, board, listeners, logger, now });
  return {
    ...{ rooms, status },
    routes: [["/", publicRoutes({ access, readBody, board, publicDir })]],
    start(open) {
      board.start(open);
      listeners.start();
    },
    async stop() {
      board.stop();
      await listeners.stop();
    },
  };
}
