import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { OverlayFiles } from "@stream-control/ffmpeg";
import type { Overlay, OverlayTexts as Texts } from "@stream-control/protocol";
import { refused } from "./errors.js";

/**
 * The texts that are burnt into the picture, in files that ffmpeg reads again with each picture. A file is replaced whole,
 * and is there for as long as an encode may run: without it the encode would fail.
 */
export class OverlayTexts {
  private constructor(
    private readonly folder: string,
    private readonly overlay: Overlay,
  ) {
    for (const { id, text } of overlay.lines) this.write(id, text);
  }

  /**
   * @param places folders of this user alone, the first that can be written to is taken.
   * @returns undefined where none can.
   */
  static make(overlay: Overlay, places: readonly string[]): OverlayTexts | undefined {
    for (const place of places) {
      try {
        return new OverlayTexts(mkdtempSync(join(place, "overlay-")), overlay);
      } catch {
        // A full disk, most likely; the next place may be another one.
      }
    }
    return undefined;
  }

  /** What ffmpeg is told. */
  get files(): OverlayFiles {
    return { overlay: this.overlay, textFileOf: (id) => this.path(id) };
  }

  /** Takes effect with the next picture. @throws CommandError for a line that is not there, before anything is changed. */
  set(texts: Texts): void {
    const lines = new Map(this.overlay.lines.map((line) => [line.id, line.kind]));
    for (const id of Object.keys(texts)) {
      if (lines.get(id) === undefined) throw refused("NOT_FOUND", `The overlay has no line "${id}".`);
      if (lines.get(id) === "clock") throw refused("NOT_SUPPORTED", `The line "${id}" is a clock and has no text.`);
    }
    for (const [id, text] of Object.entries(texts)) this.write(id, text);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  private write(id: string, text: string): void {
    const draft = `${this.path(id)}.new`;
    writeFileSync(draft, text, { mode: 0o600 });
    renameSync(draft, this.path(id));
  }

  private path(id: string): string {
    return join(this.folder, `${id}.txt`);
  }
}
