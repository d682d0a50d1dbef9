import { ObjectStoreError } from "@stream-control/object-store";
import type { Logger } from "@stream-control/service-kit";
import type { KeyRing } from "@stream-control/service-kit/secrets";
import type { Store } from "@stream-control/store";
import type { Guards } from "../../resilience/guards.js";
import type { Tables } from "../../store/tables.js";
import { BucketFiles } from "./bucket-files.js";
import { FolderFiles } from "./folder-files.js";
import { MediaLinks } from "./media-links.js";
import { ResultFiles } from "./result-files.js";
import { ResultRetention } from "./retention.js";
import type { ResultSettings } from "./settings.js";

export interface ResultParts {
  readonly files: ResultFiles;
  /** What links to files of the media folder are checked by. */
  readonly links: MediaLinks;
  readonly retention: ResultRetention;
  start(): Promise<void>;
  /** Resolves when nothing is being deleted any more. */
  stop(): Promise<void>;
}

export interface ResultDeps {
  settings: ResultSettings;
  /** The folder that is served under `/media/`, where there is one. */
  mediaDir: string | undefined;
  ring: KeyRing;
  store: Store<Tables>;
  guards: Guards;
  logger: Logger;
  now: () => Date;
}

/** How long somebody who asks for a status waits for the bucket. */
const LOOK_MS = 5000;

const bucketGuard = (guards: Guards) =>
  guards.guard("results-bucket", {
    ...{ timeoutMs: LOOK_MS, tries: 2 },
    isFailure: (thrown) => thrown instanceof ObjectStoreError,
  });

/** What agents have rendered, and who may fetch it. */
export function assembleResults({ settings, mediaDir, ring, store, guards, logger, now }: ResultDeps): ResultParts {
  const { bucket, linkSeconds } = settings;
  const links = new MediaLinks(ring, linkSeconds, now);
  const folder = mediaDir === undefined ? undefined : new FolderFiles(mediaDir, links);
  const s3 = bucket === undefined ? undefined : new BucketFiles(bucket, linkSeconds, bucketGuard(guards));
  const files = new ResultFiles({ folder, s3 });
  const { retentionMs, lookEveryMs: everyMs } = settings;
  const retention = new ResultRetention({ store, files, s3, retentionMs, everyMs, logger, now });
  return {
    ...{ links, files, retention },
    start: () => retention.start(),
    stop: async () => {
      await retention.stop();
      await s3?.close();
    },
  };
}
