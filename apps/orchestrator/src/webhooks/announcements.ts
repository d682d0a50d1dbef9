import { EVERY_ROOM, type JsonObject } from "@stream-control/protocol";
import type { EventLog } from "@stream-control/service-kit/audit";
import { currentCaller } from "@stream-control/service-kit/http";
import type { Store } from "@stream-control/store";
import type { Tables } from "../store/tables.js";
import { newRow } from "./delivery.js";
import type { DeliveryRows } from "./delivery-rows.js";
import { type Hook, wants } from "./hook.js";
import type { HookRows } from "./hook-rows.js";
import type { Lane } from "./lane.js";

/** Something that happened to no job. */
export interface Announcement {
  /** Such as `scaling.advice_changed`. */
  type: string;
  room: string;
  /** As `kind:id`, for the event log. */
  subject: string;
  /** A sentence for a person. */
  message: string;
  data: JsonObject;
}

/** Tells of an announcement; resolves when it is on disk. */
export type Announce = (announcement: Announcement) => Promise<void>;

export interface AnnouncementsDeps {
  store: Store<Tables>;
  log: EventLog;
  hooks: HookRows;
  deliveries: DeliveryRows;
  lanes: () => Iterable<Lane>;
  giveUpMs: number;
  newId: () => string;
  now: () => Date;
}

/**
 * What did not happen to a job on its way to webhooks that name its type: `*` stands for all events of jobs, which its receivers
 * know, and for nothing else. Nothing is written where nobody wants to be told.
 */
export function announcer(deps: AnnouncementsDeps): Announce {
  const { store, log, hooks, deliveries, lanes, giveUpMs, newId, now } = deps;
  return async ({ type, room, ...said }) => {
    const told = [...lanes()].filter(({ hook }) => hook.enabled && names(hook, { type, room }));
    if (told.length === 0) return;
    const by = currentCaller();
    const atMs = now().getTime();
    await store.write(async (tx) => {
      const { seq } = await log.append(tx, { by, type, ...said });
      const rows = [];
      for (const { hook } of told)
        if (await hooks.isEnabled(tx, hook.id))
          rows.push(
            newRow({ id: newId(), webhookId: hook.id, type, eventSeq: seq, jobId: null, job: null, atMs, giveUpMs }),
          );
      await deliveries.insert(tx, rows);
    });
    for (const lane of told) {
      lane.backlog = null;
      lane.wake();
    }
  };
}

const names = ({ room, events }: Hook, event: { type: string; room: string }): boolean =>
  wants({ room, events: events.filter((pattern) => pattern !== EVERY_ROOM) }, event);
