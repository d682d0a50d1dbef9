import type { AgentHandlers } from "./types.js";

/** The optional commands that an agent with these handlers knows, as the hello names them. */
export function featuresOf(handlers: AgentHandlers): string[] {
  const has = {
    pause: handlers.onPause !== undefined && handlers.onUnpause !== undefined,
    destinations: handlers.onAddDestination !== undefined && handlers.onRemoveDestination !== undefined,
    input: handlers.onSwitchInput !== undefined,
    overlay: handlers.onSetOverlay !== undefined,
    preview: handlers.onPreview !== undefined,
    leases: handlers.onLease !== undefined,
    probe: handlers.onProbe !== undefined,
  };
  return Object.entries(has).flatMap(([feature, isThere]) => (isThere ? [feature] : []));
}
