import type { Action, Rundown, Scene } from "../../src/timeline/index.js";

/**
 * A timeline as one would write it first: it counts every millisecond up. Slow, and wrong as soon as one is missed; what it
 * shows in small is what the engine must compute.
 */
export class CountingTimeline {
  mode = "idle";
  scene: Scene | null = null;
  elapsedMs = 0;
  durationMs = 0;
  held = false;
  follower = 0;
  cued: string | null = null;
  instance = 0;
  round = 0;
  totalMs = 0;
  startAtMs: number | null;

  constructor(
    private rundown: Rundown,
    private nowMs: number,
  ) {
    this.startAtMs = rundown.startAtMs;
    this.settle();
  }

  /** Lets one millisecond after the other pass. */
  passTo(atMs: number): void {
    while (this.nowMs < atMs) {
      this.nowMs += 1;
      if (this.mode === "running") {
        this.elapsedMs += 1;
        this.totalMs += 1;
      }
      this.settle();
    }
  }

  /** @returns whether the action counts. */
  act(action: Action): boolean {
    const done = this.perform(action);
    this.settle();
    return done;
  }

  get next(): Scene | null {
    if (this.scene === null) return null;
    const cued = this.rundown.scenes.find(({ id }) => id === this.cued);
    const looped = this.rundown.loop ? this.rundown.scenes[0] : undefined;
    return cued ?? this.rundown.scenes[this.follower] ?? looped ?? null;
  }

  private perform(action: Action): boolean {
    switch (action.kind) {
      case "start":
        if (this.scene !== null) return false;
        this.off("idle");
        this.startAtMs = null;
        if (action.startAtMs !== undefined && action.startAtMs > this.nowMs) this.startAtMs = action.startAtMs;
        else this.begin();
        return true;
      case "stop":
        this.off("stopped");
        this.startAtMs = null;
        return true;
      case "reset":
        this.off("idle");
        this.startAtMs = (this.rundown.startAtMs ?? 0) > this.nowMs ? this.rundown.startAtMs : null;
        return true;
      case "status":
        return true;
      case "reconfigure": {
        const old = this.rundown;
        this.rundown = action.rundown;
        const ids = action.rundown.scenes.map(({ id }) => id);
        if (!ids.includes(this.cued ?? "")) this.cued = null;
        if (this.mode === "idle" && old.startAtMs !== this.rundown.startAtMs)
          this.startAtMs = (this.rundown.startAtMs ?? 0) > this.nowMs ? this.rundown.startAtMs : null;
        if (this.scene !== null) {
          const chain = [this.scene.id, ...old.scenes.slice(this.follower).map(({ id }) => id)];
          const found = chain.find((id) => ids.includes(id));
          this.follower = found === undefined ? ids.length : ids.indexOf(found) + (found === this.scene.id ? 1 : 0);
        }
        return true;
      }
      case "force": {
        const scene = this.rundown.scenes.find(({ id }) => id === action.scene);
        if (scene === undefined) return false;
        if (this.scene === null) {
          this.off("running");
          this.startAtMs = null;
          this.instance = 0;
          this.round = 0;
          this.totalMs = 0;
          for (const other of this.rundown.scenes.slice(0, this.rundown.scenes.indexOf(scene)))
            this.totalMs += other.durationMs;
          this.show(scene);
        } else {
          this.instance += 1;
          this.cued = null;
          this.show(scene);
        }
        return true;
      }
    }
    if (this.scene === null) return false;
    switch (action.kind) {
      case "pause":
        this.mode = "paused";
        return true;
      case "resume":
        this.mode = "running";
        return true;
      case "skip":
        this.goOn();
        return true;
      case "take":
        if (this.next === null) return false;
        this.goOn();
        return true;
      case "cue":
        if (action.scene !== null && !this.rundown.scenes.some(({ id }) => id === action.scene)) return false;
        this.cued = action.scene;
        return true;
      case "hold":
        this.held = true;
        return true;
      case "release":
        this.held = false;
        this.durationMs = Math.max(this.durationMs, this.elapsedMs);
        return true;
      case "adjust":
        this.durationMs = Math.max(this.durationMs + action.deltaMs, this.elapsedMs);
        return true;
      default:
        return false;
    }
  }

  private settle(): void {
    if (this.mode === "idle" && this.startAtMs !== null && this.startAtMs <= this.nowMs) {
      // A start that lies in the past has been running since.
      const sinceMs = this.nowMs - this.startAtMs;
      this.nowMs = this.startAtMs;
      this.startAtMs = null;
      this.begin();
      this.settle();
      this.passTo(this.nowMs + sinceMs);
    }
    while (this.mode === "running" && this.scene !== null && !this.held && this.elapsedMs >= this.durationMs)
      this.goOn();
  }

  private begin(): void {
    this.mode = "running";
    this.instance = 0;
    this.round = 0;
    this.totalMs = this.rundown.startOffsetMs;
    let left = this.rundown.startOffsetMs;
    let index = 0;
    for (const { durationMs } of this.rundown.scenes) {
      if (left < durationMs) break;
      left -= durationMs;
      index += 1;
    }
    const scene = this.rundown.scenes[index];
    if (scene === undefined) throw new Error("The offset is beyond the rundown.");
    this.show(scene);
    this.elapsedMs = left;
  }

  private goOn(): void {
    const scene = this.next;
    if (scene === null) {
      this.off("finished");
      return;
    }
    if (this.cued === null && this.follower >= this.rundown.scenes.length) this.round += 1;
    this.cued = null;
    this.instance += 1;
    this.show(scene);
  }

  private show(scene: Scene): void {
    this.scene = scene;
    this.elapsedMs = 0;
    this.durationMs = scene.durationMs;
    this.held = scene.hold;
    this.follower = this.rundown.scenes.indexOf(scene) + 1;
  }

  private off(mode: string): void {
    this.mode = mode;
    this.scene = null;
    this.cued = null;
  }
}
