import type { TsFeed } from "@stream-control/ffmpeg";
import type { OnAir, Progress } from "@stream-control/protocol";
import type { KeptSource } from "./kept-source.js";
import { type AirFacts, slateMayBeNeeded, wantedOnAir } from "./on-air.js";
import { SlateKeeper } from "./slate-keeper.js";
import { ON_AIR_WORDS } from "./stories.js";
import type { Toolbox } from "./toolbox.js";

/** What is on air depends on. */
export interface AirControlOptions {
  tools: Toolbox;
  muted: () => boolean;
  facts: () => Omit<AirFacts, "begun">;
  program: () => KeptSource;
  backup: KeptSource | undefined;
  /** The first picture goes out. Called once. */
  onBegin: () => void;
  /** A cut was made. */
  onArrive: (onAir: OnAir, from: OnAir | undefined) => void;
}

/** Brings on air what is wanted, and makes slates for it when they are needed. */
export class AirControl {
  /** Whether a picture ever went out. */
  begun = false;
  readonly slates: readonly SlateKeeper[];
  private readonly slate: SlateKeeper;
  private readonly holding: SlateKeeper;
  private target: { onAir: OnAir; feed: TsFeed | undefined } | undefined;
  private current: OnAir | undefined;
  private over = false;

  constructor(private readonly options: AirControlOptions) {
    const { tools, muted } = options;
    const { sourceLoss, pause } = tools.spec.config;
    const common = { tools, muted, onFeed: () => this.reconcile() };
    this.slate = new SlateKeeper({ ...common, slate: sourceLoss.slate, name: "slate" });
    this.holding = new SlateKeeper({ ...common, slate: pause.slate, name: "holding slate" });
    this.slates = [this.slate, this.holding];
  }

  /** What the destinations are getting. */
  get onAir(): OnAir | undefined {
    return this.current;
  }

  /** What makes the pictures that are on air. */
  get encode(): KeptSource | SlateKeeper | undefined {
    if (this.current === undefined || this.current === "nothing") return undefined;
    const { program, backup } = this.options;
    return { program: program(), backup, slate: this.slate, paused: this.holding }[this.current];
  }

  get progress(): Progress {
    return this.encode?.progress ?? {};
  }

  /** Compares what is wanted with what is, and begins what is missing. */
  reconcile(): void {
    if (this.over) return;
    const facts = { ...this.options.facts(), begun: this.begun };
    const { action } = this.options.tools.spec.config.sourceLoss;
    const wanted = wantedOnAir(facts);
    if (slateMayBeNeeded(facts) && action === "slate") this.slate.ensure();
    // Without a slate, what was last on air stays there until it ends the job.
    if (wanted === undefined || (wanted === "slate" && action === "fail")) return;
    const feed = this.feedOf(wanted);
    if (wanted !== "nothing" && feed === undefined) return;
    if (this.target?.onAir === wanted && this.target.feed === feed) this.releaseUnneeded(facts);
    else this.cut({ onAir: wanted, feed });
  }

  /** Nothing more is made here; what is on air goes on until its owner ends it. */
  close(): void {
    this.over = true;
    for (const slate of this.slates) slate.close();
  }

  private cut(target: { onAir: OnAir; feed: TsFeed | undefined }): void {
    this.target = target;
    const { switcher } = this.options.tools;
    if (target.feed !== undefined) {
      switcher.take(target.feed, () => this.arrive(target.onAir));
      return;
    }
    switcher.clear();
    this.arrive("nothing");
  }

  private feedOf(wanted: OnAir): TsFeed | undefined {
    switch (wanted) {
      case "program":
        return this.options.program().feed;
      case "backup":
        return this.options.backup?.feed;
      case "slate":
        return this.slate.ensure();
      case "paused":
        return this.holding.ensure();
      case "nothing":
        return undefined;
    }
  }

  private arrive(onAir: OnAir): void {
    const from = this.current;
    this.current = onAir;
    this.options.onArrive(onAir, from);
    this.releaseUnneeded({ ...this.options.facts(), begun: this.begun });
    if (onAir !== "nothing" && !this.begun) {
      this.begun = true;
      this.options.onBegin();
      this.rehearse();
    }
    if (from === onAir || from === undefined) return;
    const message = `On air now: ${ON_AIR_WORDS[onAir]}, after ${ON_AIR_WORDS[from]}.`;
    this.options.tools.onEvent("stream.on_air", message, { onAir, from });
  }

  private releaseUnneeded(facts: AirFacts): void {
    if (this.current !== "slate" && this.target?.onAir !== "slate" && !slateMayBeNeeded(facts)) this.slate.release();
    if (this.current !== "paused" && this.target?.onAir !== "paused") this.holding.release();
  }

  private rehearse(): void {
    const { config } = this.options.tools.spec;
    if (!this.options.program().isRealtime || config.sourceLoss.action === "fail") return;
    void this.slate.rehearse();
    const { kind } = config.pause.slate;
    if (kind === "video" || kind === "image") void this.holding.rehearse();
  }
}
