/**
 * Version of the agent protocol. It grows by one when a peer must know about a change; added optional fields and new
 * message types do not count. A hello without `protocolVersion` comes from an agent that knows only the first names:
 * no epochs, one `activeJob`, no settled replies.
 */
export const PROTOCOL_VERSION = 1;

/** WebSocket close codes of the sockets of agents and pages (4000–4999 are the application's, RFC 6455 §7.4.2). */
export const CLOSE_CODES = {
  /** The orchestrator is shutting down; come back. */
  goingAway: 1001,
  /** The peer reads too slowly or the service cannot take it now; come back later. */
  tryAgainLater: 1013,
  /** The token in the hello is wrong. */
  unauthorized: 4001,
  /** A message other than a valid hello came first, or no hello came in time. */
  helloExpected: 4002,
  /** Another socket said hello with the same agent id. */
  replaced: 4003,
  /** The peer was silent for longer than the heartbeat timeout. */
  heartbeatTimeout: 4004,
  /** There is nothing to watch, which coming back does not change by itself: the reason says why. */
  nothingToWatch: 4005,
} as const;
