import type { Logger } from "@stream-control/service-kit";
import type { Store } from "@stream-control/store";
import type { JobControl } from "../jobs/control.js";
import type { SealedColumns } from "../secrets/sealed-columns.js";
import type { Tables } from "../store/tables.js";
import { ApiCaller } from "./api/client.js";
import { loadLibrary } from "./api/library.js";
import { YouTubeApi } from "./api/youtube-api.js";
import { Book } from "./broadcasts/book.js";
import { BroadcastRows } from "./broadcasts/broadcast-rows.js";
import { Conductor } from "./broadcasts/conductor.js";
import { JobSide, type JobSideOptions } from "./broadcasts/job-side.js";
import { KeptStreams } from "./broadcasts/kept-streams.js";
import { Performer } from "./broadcasts/performer.js";
import type { PrivacySetting } from "./broadcasts/privacy-setting.js";
import { HealthWatch } from "./live/health-watch.js";
import { Watcher } from "./live/watcher.js";
import { AccountRows } from "./oauth/account-rows.js";
import { Connection } from "./oauth/connection.js";
import { OAuthStates } from "./oauth/states.js";
import { QuotaBudget } from "./quota/budget.js";
import type { YouTubeSettings } from "./settings.js";

export interface YouTubeDeps {
  settings: YouTubeSettings;
  store: Store<Tables>;
  sealed: SealedColumns;
  logger: Logger;
  now: () => Date;
}

/** Everything by which the service speaks with YouTube. */
export interface YouTube {
  readonly settings: YouTubeSettings;
  readonly api: YouTubeApi;
  readonly caller: ApiCaller;
  readonly connection: Connection;
  readonly states: OAuthStates;
  readonly budget: QuotaBudget;
}

/** Builds it; nothing of YouTube is asked before `connection.start()`. */
export function buildYouTube({ settings, store, sealed, logger, now }: YouTubeDeps): YouTube {
  const budget = new QuotaBudget({ store, unitsPerDay: settings.quotaUnitsPerDay, now });
  const connection: Connection = new Connection({
    ...{ settings, logger, now },
    rows: new AccountRows(store, sealed),
    load: () => loadLibrary(settings),
    channelOf: () => api.channel(),
  });
  const caller = new ApiCaller({ account: connection, budget, timeoutMs: settings.timeoutMs, logger });
  const api: YouTubeApi = new YouTubeApi(caller);
  return { settings, api, caller, connection, budget, states: new OAuthStates(store, now) };
}

export interface BroadcastsDeps extends JobSideOptions, Omit<YouTubeDeps, "settings"> {
  youtube: YouTube;
  privacy: PrivacySetting;
  control: JobControl;
  onViewers: (jobId: string, viewers: number) => void;
}

/** The broadcasts that are looked after. */
export interface YouTubeBroadcasts extends YouTube {
  readonly rows: BroadcastRows;
  readonly book: Book;
  readonly conductor: Conductor;
  readonly watcher: Watcher;
  readonly privacy: PrivacySetting;
}

/** Builds what looks after broadcasts; it begins with {@link startBroadcasts}. */
export function buildBroadcasts(deps: BroadcastsDeps): YouTubeBroadcasts {
  const { youtube, store, sealed, logger, now, privacy } = deps;
  const { api, budget, connection, settings } = youtube;
  const { pace } = settings;
  const rows = new BroadcastRows(store, sealed);
  const book = new Book({ rows, budget, now });
  const jobs = new JobSide(deps);
  const performer = new Performer({
    ...{ api, rows, settings, now, kept: new KeptStreams(store, sealed) },
    open: () => book.broadcasts(),
  });
  const conductor: Conductor = new Conductor({
    ...{ api, budget, connection, performer, rows, book, pace, logger, now },
    ...{ jobs, onViewers: deps.onViewers },
    health: new HealthWatch({ jobs, control: deps.control, policy: settings.health, now }),
  });
  const watcher = new Watcher({
    ...{ api, budget, pace, logger, live: () => book.live() },
    onSeen: (id, sighting) => conductor.seen(id, sighting),
    onFailed: (id, error) => conductor.unseen(id, error),
  });
  return { ...youtube, rows, book, conductor, watcher, privacy };
}

/** Takes up what was under way at the last stop; YouTube need not be there for that. */
export async function startBroadcasts({ budget, connection, conductor, watcher }: YouTubeBroadcasts): Promise<void> {
  await budget.load();
  await connection.start();
  await conductor.start(watcher);
}

/** Resolves when nothing is written any more. */
export async function stopBroadcasts({ caller, connection, conductor, watcher }: YouTubeBroadcasts): Promise<void> {
  connection.stop();
  watcher.stop();
  caller.stop();
  await conductor.stop();
}
