import { access, constants, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@stream-control/service-kit";
import type { MediaLinks } from "./media-links.js";
import type { ResultStore } from "./result-store.js";

/** Results in the folder that is served under `/media/`. */
export class FolderFiles implements ResultStore {
  constructor(
    private readonly folder: string,
    private readonly links: MediaLinks,
  ) {}

  exists(key: string): Promise<boolean> {
    return stat(join(this.folder, key)).then(
      (found) => found.isFile(),
      () => false,
    );
  }

  async urlOf(key: string, base: string): Promise<string | undefined> {
    if (!(await this.exists(key))) return undefined;
    return `${base}/media${this.links.sign(`/${key.split("/").map(encodeURIComponent).join("/")}`)}`;
  }

  /** @throws the system's error where the folder cannot be read. */
  check(): Promise<void> {
    return access(this.folder, constants.R_OK);
  }

  async removeFolder(owner: string): Promise<void> {
    try {
      await rm(join(this.folder, owner), { recursive: true, force: true });
    } catch (cause) {
      throw new AppError("STORE_UNAVAILABLE", "A result could not be deleted from MEDIA_DIR.", { cause });
    }
  }
}
