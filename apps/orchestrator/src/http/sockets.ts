import type { IncomingMessage } from "node:http";
import { AppError } from "@stream-control/service-kit";
import {
  type Access,
  type Caller,
  type ClosedRule,
  requireCallerFor,
  roleIn,
  somewhere,
} from "@stream-control/service-kit/access";
import { type Arrival, peerIdentity, type SocketRoute } from "@stream-control/service-kit/http";
import type { AgentAdmission } from "../agents/admission.js";
import type { AgentGateway } from "../agents/gateway.js";
import { jobNotFound } from "../jobs/control.js";
import type { JobReader } from "../jobs/job-reader.js";
import type { Previews } from "../preview/previews.js";
import type { UiHub } from "../ui/hub.js";

/** Largest message that is read from a socket. */
const MAX_MESSAGE_BYTES = 1024 * 1024;
/** A hello names at most what an agent runs. */
const MAX_HELLO_BYTES = 128 * 1024;
/** Pages only listen. */
const MAX_PAGE_MESSAGE_BYTES = 64 * 1024;

/** Of a page that watches, and of an agent's preview: one has nothing to say, the other sends pictures in pieces. */
const MAX_VIEWER_MESSAGE_BYTES = 1024;
const MAX_FRAME_BYTES = 4 * 1024 * 1024;

/** Who may open a socket: an agent shows who it is in its hello or by the ticket that it was sent, a viewer sees the job's room. */
export type SocketRule = "hello" | "ticket" | "viewer in its room" | ClosedRule;

/** Sockets and who may open them. */
export const SOCKET_RULES = {
  "/agent": "hello",
  "/agent/preview": "ticket",
  "/preview/:id": "viewer in its room",
  "/ui": somewhere("viewer"),
} as const satisfies Record<string, SocketRule>;

export interface SocketRoutesDeps {
  access: Access;
  admission: AgentAdmission;
  gateway: AgentGateway;
  hub: UiHub;
  previews: Previews;
  reader: JobReader;
}

/** The sockets of the orchestrator. */
export function socketRoutes(deps: SocketRoutesDeps): Record<keyof typeof SOCKET_RULES, SocketRoute> {
  const { access, admission, gateway, hub, previews, reader } = deps;
  return {
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
      maxMessageBytes: MAX_VIEWER_MESSAGE_BYTES,
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
  };
}

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
