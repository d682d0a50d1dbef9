import type { EraseReply, EraseRequest } from "@stream-control/protocol";
import { sql } from "@stream-control/store";
import { currentCaller } from "../http/caller.js";
import { ERASED, LOG_SUBJECT } from "./announcements.js";
import type { EventLog } from "./event-log.js";
import type { Executor, LogStore } from "./executor.js";

/** What a service is about to erase outside the log. */
export interface ErasePlan {
  /** In the transaction of the erasure. May run more than once. @returns of how many jobs. */
  apply: (tx: Executor) => Promise<number>;
  /** It is on disk. */
  committed?: () => void;
}
/** Finds what a service keeps of a person outside the log, which may take long, and says how to erase it. */
export type EraseElsewhere = (request: EraseRequest) => Promise<ErasePlan>;

export interface EraseDeps {
  store: LogStore;
  log: EventLog;
  elsewhere?: EraseElsewhere | undefined;
}

/**
 * Erases personal data from the log: names, addresses and user agents, for good, of an actor or wherever a name or an address
 * stands. The entries stay, with the actor's id, and still check. The log says that it was done, without saying what was erased.
 * What somebody does afterwards is recorded as before.
 */
export async function erasePersonalData(request: EraseRequest, deps: EraseDeps): Promise<EraseReply> {
  const { store, log, elsewhere } = deps;
  const by = currentCaller();
  const plan = await elsewhere?.(request);
  const erased = await store.write(async (tx) => {
    const origins = await eraseOrigins(tx, request);
    log.origins.forget();
    const jobs = (await plan?.apply(tx)) ?? 0;
    const { actor } = request;
    const data = { by: Object.keys(request).join(), ...(actor === undefined ? {} : { actor }), origins, jobs };
    const message = "Personal data was erased.";
    await log.append(tx, { by, type: ERASED, subject: LOG_SUBJECT, message, data });
    return { origins, jobs };
  });
  plan?.committed?.();
  // Until then the erased data is still in the write-ahead log beside the database.
  await store.checkpoint();
  return { ok: true, ...erased };
}

async function eraseOrigins(tx: Executor, { actor, address, name }: EraseRequest): Promise<number> {
  if (actor === undefined && address === undefined && name === undefined) return 0;
  const whose =
    actor !== undefined
      ? sql`actor = ${actor}`
      : address !== undefined
        ? sql`address = ${address}`
        : sql`name = ${name}`;
  const { rows } = await sql`update event_origins
    set salt = null, name = null, address = null, user_agent = null, erased_at = ${new Date().toISOString()}
    where erased_at is null and ${whose} returning id`.execute(tx);
  return rows.length;
}
