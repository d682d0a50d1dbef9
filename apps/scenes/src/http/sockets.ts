import { AppError } from "@stream-control/service-kit";
import { type Access, type Caller, requireCallerFor, roleIn, somewhere } from "@stream-control/service-kit/access";
import { type Arrival, parseQuery, type SocketRoute } from "@stream-control/service-kit/http";
import { z } from "zod";
import { filterOf, filterSchema, type Sockets } from "../gateway/sockets.js";
import type { Journal } from "../journal/journal.js";
import { notFound } from "../service/host.js";

/** Clients say at most a filter. */
const MAX_MESSAGE_BYTES = 16 * 1024;

const query = filterSchema.extend({ format: z.enum(["json", "protobuf"]).default("json") });

/** The sockets of the service. */
export function socketRoutes({
  access,
  journal,
  sockets,
}: {
  access: Access;
  journal: Journal;
  sockets: Sockets;
}): Record<string, SocketRoute> {
  return {
    "/streams/:id/ws": {
      maxMessageBytes: MAX_MESSAGE_BYTES,
      receive: async (arrival) => {
        const caller = await callerOf(arrival, access);
        const streamId = decoded(arrival.url.pathname.split("/")[2] ?? "");
        const record = journal.find(streamId);
        if (record === undefined || roleIn(caller.principal.grants, record.room) === undefined)
          throw notFound(streamId);
        const { format, ...filter } = parseQuery(query, Object.fromEntries(arrival.url.searchParams));
        const opening = { streamId, caller, address: arrival.address, format, filter: filterOf(filter) };
        return (socket, stream) => sockets.accept(socket, stream, opening);
      },
    },
  };
}

async function callerOf({ request, url }: Arrival, access: Access): Promise<Caller> {
  const ticket = url.searchParams.get("ticket");
  const caller = ticket === null ? await access.authenticate(request) : await access.byTicket(request, ticket);
  // A browser sends the cookie whoever's page opens the socket, and no header can be added here that proves whose it is.
  if (caller?.byCookie === true)
    throw new AppError("UNAUTHENTICATED", "A session opens a socket with a ticket: POST /v1/tickets, then ?ticket=.");
  return requireCallerFor(somewhere("viewer"), caller);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new AppError("INVALID_REQUEST", "The address has a % that stands for nothing.");
  }
}
