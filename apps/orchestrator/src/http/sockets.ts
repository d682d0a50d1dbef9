import type { IncomingMessage } from "node:http";
import { DEFAULT_ROOM, roomSchema, sheetLabelSchema } from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import {
  type Access,
  type Caller,
  type ClosedRule,
  requireCallerFor,
  roleIn,
  somewhere,
} from "@stream-control/service-kit/access";
import { type Arrival, parseQuery, peerIdentity, type SocketRoute } from "@stream-control/service-kit/http";
import type { WebSocket } from "ws";
import { z } from "zod";
import type { AgentAdmission } from "../agents/admission.js";
import type { AgentGateway } from "../agents/gateway.js";
import { jobNotFound } from "../jobs/control.js";
import type { JobReader } from "../jobs/job-reader.js";
import type { Previews } from "../preview/previews.js";
import type { PublicParts } from "../public/assemble.js";
import type { Insiders } from "../public/insiders.js";
import type { Viewer } from "../public/listeners.js";
import { callerOrNobody, requireSight } from "../public/public-rooms.js";
import type { UiHub } from "../ui/hub.js";

/** Largest message that is read from a socket. */
const MAX_MESSAGE_BYTES = 1024 * 1024;
/** A hello names at most what an agent runs. */
const MAX_HELLO_BYTES = 128 * 1024;
/** Pages only listen. */
const MAX_PAGE_MESSAGE_BYTES = 64 * 1024;

const overlayQuery = z.object({ room: roomSchema.default(DEFAULT_ROOM), sheet: sheetLabelSchema });

/** Viewers of what is public say at most what they want to see. */
const MAX_VIEWER_MESSAGE_BYTES = 4096;
/** Of a page that watches a preview, and of an agent's preview: one has nothing to say, the other sends pictures in pieces. */
const MAX_WATCHER_MESSAGE_BYTES = 1024;
const MAX_FRAME_BYTES = 4 * 1024 * 1024;

/**
 * Who may open a socket: an agent shows who it is in its hello or by the ticket that it was sent, a viewer sees the job's room,
 * and what is public anybody may see.
 */
export type SocketRule = "hello" | "ticket" | "viewer in its room" | "public" | ClosedRule;

/** Sockets and who may open them. */
export const SOCKET_RULES = {
  "/agent": "hello",
  "/agent/preview": "ticket",
  "/preview/:id": "viewer in its room",
  "/ui": somewhere("viewer"),
  "/status-ws": "public",
  "/overlay-ws": "public",
  "/teamnames-ws": "public",
} as const satisfies Record<string, SocketRule>;

export interface SocketRoutesDeps {
  access: Access;
  admission: AgentAdmission;
  gateway: AgentGateway;
  hub: UiHub;
  previews: Previews;
  reader: JobReader;
  insiders: Insiders;
  feeds: Pick<PublicParts, "status" | "overlays" | "teamNames" | "rooms">;
}

/** The sockets of the orchestrator. */
export function socketRoutes(deps: SocketRoutesDeps): Record<string, SocketRoute> {
  const { access, admission, gateway, hub, previews, reader, insiders, feeds } = deps;
  /** A socket that anybody may open, from a page of any origin. */
  const viewers = (decide: (viewer: Viewer, url: URL) => (socket: WebSocket) => void): SocketRoute => ({
    maxMessageBytes: MAX_VIEWER_MESSAGE_BYTES,
    anyOrigin: true,
    receive: async (arrival) => {
      const caller = await callerOrNobody(arrival, access);
      return decide({ address: arrival.address, caller }, arrival.url);
    },
  });
  const routes: Record<keyof typeof SOCKET_RULES, SocketRoute> = {
    "/agent": {
      maxMessageBytes: MAX_MESSAGE_BYTES,
      maxBytesBeforeSettled: MAX_HELLO_BYTES,
      receive: ({ request, address, settle }) => {
        const userAgent = request.headers["user-agent"];
        const certifiedNames = certifiedNamesOf(request);
        return (socket) => gateway.accept(socket, { address, userAgent, certifiedNames, settle });
      },
    },
    "/agent/preview": {
      maxMessageBytes: MAX_FRAME_BYTES,
      receive: ({ request, url }) => {
        const preview = previews.redeem(url.searchParams.get("ticket") ?? "");
        if (preview?.from === undefined)
          throw new AppError("UNAUTHENTICATED", "This ticket is unknown, used or too old.");
        const problem = admission.certificateProblem(preview.from.agentId, certifiedNamesOf(request));
        if (problem !== undefined) throw new AppError("UNAUTHENTICATED", `The preview is refused: ${problem}.`);
        return (socket) => preview.attach(socket);
      },
    },
    "/preview/:id": {
      maxMessageBytes: MAX_WATCHER_MESSAGE_BYTES,
      receive: async (arrival) => {
        const caller = await callerOf(arrival, access);
        const jobId = lastSegment(arrival.url);
        const room = await reader.roomOf(jobId);
        if (room === undefined || roleIn(caller.principal.grants, room) === undefined) throw jobNotFound(jobId);
        return (socket) => previews.watch(socket, caller, jobId);
      },
    },
    "/ui": {
      maxMessageBytes: MAX_PAGE_MESSAGE_BYTES,
      receive: async (arrival) => {
        const since = arrival.url.searchParams.get("since");
        if (since !== null && !/^\d{1,15}$/.test(since))
          throw new AppError("INVALID_REQUEST", "since must be an event number.");
        const caller = await callerOf(arrival, access);
        return (socket) => hub.accept(socket, caller, since === null ? undefined : Number(since));
      },
    },
    "/status-ws": viewers((viewer) => (socket) => feeds.status.accept(socket, viewer)),
    "/overlay-ws": viewers((viewer, { searchParams }) => {
      const asked = { room: searchParams.get("room") ?? undefined, sheet: searchParams.get("sheet") };
      const { room, sheet } = parseQuery(overlayQuery, asked);
      requireSight(feeds.rooms, viewer.caller, room);
      return (socket) => feeds.overlays.accept(socket, viewer, room, sheet);
    }),
    "/teamnames-ws": viewers((viewer) => (socket) => feeds.teamNames.accept(socket, viewer)),
  };
  return Object.fromEntries(Object.entries(routes).map(([path, route]) => [path, guarded(path, route, insiders)]));
}

/** The same socket for those who may come here from where they are. */
const guarded = (path: string, route: SocketRoute, insiders: Insiders): SocketRoute => ({
  ...route,
  receive: (arrival) => {
    insiders.demand(arrival.request, path);
    return route.receive(arrival);
  },
});

/** Whoever opens a socket of a page; all of them ask for a viewer somewhere at least. */
async function callerOf({ request, url }: Arrival, access: Access): Promise<Caller> {
  const ticket = url.searchParams.get("ticket");
  const caller = ticket === null ? await access.authenticate(request) : await access.byTicket(request, ticket);
  // A browser sends the cookie whoever's page opens the socket, and no header can be added here that proves whose it is.
  if (caller?.byCookie === true)
    throw new AppError("UNAUTHENTICATED", "A session opens a socket with a ticket: POST /v1/tickets, then ?ticket=.");
  return requireCallerFor(SOCKET_RULES["/ui"], caller);
}

function lastSegment({ pathname }: URL): string {
  try {
    return decodeURIComponent(pathname.slice(pathname.lastIndexOf("/") + 1));
  } catch {
    throw new AppError("INVALID_REQUEST", "The address has a % that stands for nothing.");
  }
}

/** What a verified client certificate calls its holder: the common name and the DNS names; none without one. */
function certifiedNamesOf(request: IncomingMessage): string[] {
  const identity = peerIdentity(request);
  if (identity === undefined) return [];
  const { commonName, alternativeNames } = identity;
  const dns = alternativeNames.flatMap((name) => (name.startsWith("DNS:") ? [name.slice("DNS:".length)] : []));
  return commonName === undefined ? dns : [commonName, ...dns];
}
