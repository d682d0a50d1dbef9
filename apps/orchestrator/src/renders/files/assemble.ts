import type { KeyRing } from "@stream-control/service-kit/secrets";
import { BucketFiles } from "./bucket-files.js";
import { FolderFiles } from "./folder-files.js";
import { MediaLinks } from "./media-links.js";
import { ResultFiles } from "./result-files.js";
import type { ResultSettings } from "./settings.js";

export interface ResultParts {
  readonly files: ResultFiles;
  /** What links to files of the media folder are checked by. */
  readonly links: MediaLinks;
  stop(): Promise<void>;
}

export interface ResultDeps {
  settings: ResultSettings;
  /** The folder that is served under `/media/`, where there is one. */
  mediaDir: string | undefined;
  ring: KeyRing;
  now: () => Date;
}

/** What agents have rendered, and who may fetch it. */
export function assembleResults({ settings, mediaDir, ring, now }: ResultDeps): ResultParts {
  const { bucket, linkSeconds } = settings;
  const links = new MediaLinks(ring, linkSeconds, now);
  const folder = mediaDir === undefined ? undefined : new FolderFiles(mediaDir, links);
  const s3 = bucket === undefined ? undefined : new BucketFiles(bucket, linkSeconds);
  return {
    links,
    files: new ResultFiles({ folder, s3 }),
    stop: async () => {
      await s3?.close();
    },
  };
}
