import type { Logger } from "@stream-control/service-kit";
import type { Access } from "@stream-control/service-kit/access";
import type { Routes } from "@stream-control/service-kit/app";
import type { EventLog } from "@stream-control/service-kit/audit";
import type { Store } from "@stream-control/store";
import type { RequestHandler } from "express";
import { v7 as uuidv7 } from "uuid";
import type { JobReader } from "../jobs/job-reader.js";
import type { Ledger } from "../jobs/ledger.js";
import type { SealedColumns } from "../secrets/sealed-columns.js";
import type { Tables } from "../store/tables.js";
import { type Announce, announcer } from "./announcements.js";
import { Collector } from "./collector.js";
import { Deliveries } from "./deliveries.js";
import { DeliveryRows } from "./delivery-rows.js";
import { HookRows } from "./hook-rows.js";
import { webhookRoutes } from "./routes.js";
import { Sender } from "./sender.js";
import type { WebhookSettings } from "./settings.js";
import { Webhooks } from "./webhooks.js";

export interface WebhookParts {
  readonly routes: Routes;
  /** Tells webhooks of what happened to no job. */
  readonly announce: Announce;
  /** @param head number of the newest entry of the event log. */
  start(head: number): Promise<void>;
  /** Resolves when nothing is being sent and nothing is being written any more. */
  stop(): Promise<void>;
}

export interface WebhookDeps {
  settings: WebhookSettings;
  access: Access;
  readBody: RequestHandler;
  store: Store<Tables>;
  sealed: SealedColumns;
  log: EventLog;
  ledger: Ledger;
  reader: JobReader;
  logger: Logger;
  now: () => Date;
}

/** Job events on their way to other systems. */
export function assembleWebhooks({ access, readBody, sealed, ledger, ...deps }: WebhookDeps): WebhookParts {
  const { settings, store, reader, now } = deps;
  const hooks = new HookRows(store, sealed);
  const rows = new DeliveryRows(store);
  const sender = new Sender({ settings, reader, now });
  const newId = uuidv7;
  const wake = () => collector.wake();
  const webhooks = new Webhooks({
    ...{ ...deps, hooks, deliveries: rows, sender, newId, onRoom: wake, onChange: wake },
    address: { plainHttp: settings.plainHttp, resolve: sender.resolve },
  });
  const laneOf = (id: string) => webhooks.lane(id);
  const deliveries = new Deliveries({ ...deps, deliveries: rows, laneOf, newId });
  const lanes = () => webhooks.all();
  const collector: Collector = new Collector({
    ...{ ...deps, hooks, deliveries: rows, lanes, newId, giveUpMs: settings.giveUpMs },
  });
  return {
    announce: announcer({ ...deps, hooks, deliveries: rows, lanes, newId, giveUpMs: settings.giveUpMs }),
    routes: [["/v1/webhooks", webhookRoutes({ access, readBody, webhooks, deliveries })]],
    start: async (head) => {
      ledger.onCommit(({ event: { seq, type }, job: { room } }) => collector.committed({ seq, type, room }));
      await webhooks.load();
      collector.start(head);
      webhooks.start();
    },
    stop: async () => {
      await collector.stop();
      await webhooks.stop();
    },
  };
}
