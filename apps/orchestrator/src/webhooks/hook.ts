import { EVERY_ROOM, type Webhook } from "@stream-control/protocol";

/** A webhook as the service works with it. */
export interface Hook {
  readonly id: string;
  /** `*` for every room. */
  readonly room: string;
  url: string;
  events: readonly string[];
  /** The first one is the newest. */
  secrets: readonly string[];
  enabled: boolean;
  description: string;
  readonly createdAt: string;
  updatedAt: string;
  /** Up to this entry the event log has been taken up. */
  cursor: number;
  /** The receiver asked not to be called before. */
  holdUntil: string | null;
  lastDeliveryAt: string | null;
  failingSince: string | null;
  disabledReason: string | null;
}

/** A webhook as it is shown: without its secrets. */
export const toWebhook = (hook: Hook): Webhook => ({
  ...{ id: hook.id, url: hook.url, events: [...hook.events], room: hook.room, enabled: hook.enabled },
  ...{ description: hook.description, secretCount: hook.secrets.length },
  ...{ createdAt: hook.createdAt, updatedAt: hook.updatedAt, lastDeliveryAt: hook.lastDeliveryAt },
  ...{ failingSince: hook.failingSince, disabledReason: hook.disabledReason },
});

/** What entries of the audit about a webhook are about. */
export const webhookSubject = (id: string): string => `webhook:${id}`;

/** Whether a webhook is told of an event. */
export const wants = (
  { room, events }: Pick<Hook, "room" | "events">,
  event: { type: string; room: string },
): boolean =>
  (room === EVERY_ROOM || room === event.room) &&
  events.some((pattern) =>
    pattern.endsWith("*") ? event.type.startsWith(pattern.slice(0, -1)) : event.type === pattern,
  );
