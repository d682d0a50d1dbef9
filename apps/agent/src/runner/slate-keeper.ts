import { type MediaFacts, probeSource, slateArguments, type TsFeed } from "@stream-control/ffmpeg";
import type { Progress, Slate } from "@stream-control/protocol";
import { Encode } from "./encode.js";
import type { Toolbox } from "./toolbox.js";

/** What is shown where the wanted slate can't be made. */
const PLAIN: Slate = { kind: "color", color: "#101418" };
/** Pause before a slate that broke off is made again, so that a broken ffmpeg is not started in a storm. */
const AGAIN_MS = 500;
const PROBE_MS = 5000;
const MOVED = "Its path leads somewhere else than when the job was accepted.";

/** What a slate is kept with. */
export interface SlateKeeperOptions {
  tools: Toolbox;
  slate: Slate;
  /** Its name in log lines. */
  name: string;
  muted: () => boolean;
  /** Another feed took the place of the one before. */
  onFeed: () => void;
}

/** Makes a slate when it is needed, and a plain colour instead where that slate can't be made. */
export class SlateKeeper {
  private encode: Encode | undefined;
  private trial: Encode | undefined;
  private facts: MediaFacts | undefined;
  private plain: boolean;
  private wanted = false;
  private againTimer: NodeJS.Timeout | undefined;

  constructor(private readonly options: SlateKeeperOptions) {
    // What a video holds is not known yet.
    this.plain = options.slate.kind === "video";
  }

  get feed(): TsFeed | undefined {
    return this.encode?.feed;
  }
  get progress(): Progress {
    return this.encode?.progress ?? {};
  }
  get pid(): number | undefined {
    return this.encode?.pid;
  }

  /** Makes the slate once for nobody, so that one that can't be made is known before it is needed. */
  async rehearse(): Promise<void> {
    const { slate, tools } = this.options;
    if (slate.kind === "color" || !this.mayBeRead()) return;
    if (slate.kind === "video") {
      const probe = await probeSource({
        ...{ source: { type: "file", path: slate.path, loop: true }, ffprobePath: tools.spec.ffprobePath },
        ...{ env: tools.env, redactor: tools.redactor, deadlineMs: PROBE_MS, stallTimeoutMs: PROBE_MS },
        launcher: tools.launcher,
      });
      if (!probe.ok) {
        this.fallBack(probe.error.message);
        return;
      }
      this.facts = probe.info;
      this.plain = false;
    }
    const trial = this.make(() => trial.dispose());
    this.trial = trial;
    const exit = await trial.exited;
    this.trial = undefined;
    if (!trial.hasFrame && exit.reason === "failed") this.fallBack(this.lastWords(trial));
  }

  /** Makes it if it is not being made. @returns what can be put on air. */
  ensure(): TsFeed | undefined {
    this.wanted = true;
    if (this.encode === undefined && this.againTimer === undefined) this.start();
    return this.feed;
  }

  /** It is not needed any more. */
  release(): void {
    this.wanted = false;
    clearTimeout(this.againTimer);
    this.againTimer = undefined;
    const encode = this.encode;
    this.encode = undefined;
    encode?.dispose();
  }

  /** Ends everything. */
  close(): void {
    this.trial?.dispose();
    this.release();
  }

  /** @throws FilterCommandError when the running encode does not take it. */
  async setMuted(muted: boolean): Promise<void> {
    await this.encode?.setMuted(muted);
  }

  /** Whether the slate's file is where it was; where it is not, it is not shown from now on. */
  private mayBeRead(): boolean {
    const { slate, tools } = this.options;
    if (!("path" in slate) || tools.reach.mayRead(slate.path)) return true;
    this.fallBack(MOVED);
    return false;
  }

  private start(): void {
    if (!this.plain) this.mayBeRead();
    const encode = this.make();
    this.encode = encode;
    void encode.exited.then(() => this.ended(encode));
  }

  private make(onFrame?: () => void): Encode {
    const { tools, slate, name } = this.options;
    const muted = this.options.muted();
    const { videoEncoder } = tools.spec;
    return new Encode({
      ...{ tools, name, muted },
      arguments: slateArguments(tools.spec.config, this.plain ? PLAIN : slate, {
        ...{ videoEncoder, muted },
        ...(this.facts === undefined ? {} : { facts: this.facts }),
      }),
      ...(onFrame === undefined ? {} : { onFrame }),
    });
  }

  private ended(encode: Encode): void {
    if (encode !== this.encode) return;
    this.encode = undefined;
    const cannot = !encode.hasFrame && !this.plain;
    if (cannot) this.fallBack(this.lastWords(encode));
    if (!this.wanted) return;
    if (cannot) {
      this.start();
      this.options.onFeed();
      return;
    }
    this.againTimer = setTimeout(() => {
      this.againTimer = undefined;
      if (!this.wanted) return;
      this.start();
      this.options.onFeed();
    }, AGAIN_MS);
  }

  private lastWords(encode: Encode): string {
    return encode.log.last(3).map(this.options.tools.redactor).join(" ");
  }

  private fallBack(why: string): void {
    this.plain = true;
    const { tools, name, slate } = this.options;
    const message = `The ${slate.kind} slate can't be made; viewers would see a plain colour instead.`;
    tools.onEvent("stream.slate_failed", message, { slate: name, kind: slate.kind, fault: "agent", why });
  }
}
