import { AppError } from "@stream-control/service-kit";
import type { Arrival, SocketRoute } from "@stream-control/service-kit/http";
import type { WebSocket } from "ws";

/** Largest message that is read from a socket. */
const MAX_MESSAGE_BYTES = 1024 * 1024;
/** A hello names at most what an agent runs. */
const MAX_BYTES_BEFORE_HELLO = 128 * 1024;
/** Pages only listen. */
const MAX_PAGE_MESSAGE_BYTES = 64 * 1024;

export interface SocketOwners {
  onAgent: (socket: WebSocket, arrival: Arrival) => void;
  onUi: (socket: WebSocket, since: number | undefined) => void;
}

/** The sockets of the orchestrator by path: `/agent` and `/ui`. */
export function socketRoutes({ onAgent, onUi }: SocketOwners): Record<string, SocketRoute> {
  return {
    "/agent": {
      maxMessageBytes: MAX_MESSAGE_BYTES,
      maxBytesBeforeSettled: MAX_BYTES_BEFORE_HELLO,
      receive: (arrival) => (socket) => onAgent(socket, arrival),
    },
    "/ui": {
      maxMessageBytes: MAX_PAGE_MESSAGE_BYTES,
      receive: ({ url }) => {
        const since = url.searchParams.get("since");
        if (since !== null && !/^\d{1,15}$/.test(since))
          throw new AppError("INVALID_REQUEST", "since must be an event number.");
        return (socket) => onUi(socket, since === null ? undefined : Number(since));
      },
    },
  };
}
