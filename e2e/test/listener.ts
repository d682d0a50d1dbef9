import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

/** 16-bit mono at 8 kHz. */
const BYTES_PER_SECOND = 16_000;
/** Below this a window counts as silent: -60 dBFS of full scale. */
const SILENT_AMPLITUDE = 32_768 / 1000;

/** Somebody who listens to a live stream and notes, by the wall clock, when the sound stopped and came back. */
export class Listener {
  /** Whether the last tenth of a second was silent, and since when (ms since the epoch); undefined before any sound. */
  silent: boolean | undefined;
  since = 0;
  private readonly child: ChildProcess;

  constructor(url: string) {
    this.child = spawn(
      "ffmpeg",
      // Without these, ffmpeg reads several seconds before it gives out the first sample, and stays that far behind.
      [
        "-loglevel",
        "error",
        "-fflags",
        "nobuffer",
        "-probesize",
        "50000",
        "-analyzeduration",
        "500000",
        "-i",
        url,
      ].concat(["-vn", "-ac", "1", "-ar", "8000", "-f", "s16le", "-flush_packets", "1", "pipe:1"]),
      { stdio: ["ignore", "pipe", "ignore"] },
    );
    let rest = Buffer.alloc(0);
    const window = BYTES_PER_SECOND / 10;
    this.child.stdout?.on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (; rest.length >= window; rest = rest.subarray(window)) this.hear(rest.subarray(0, window));
    });
  }

  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, "exit");
    this.child.kill("SIGKILL");
    await exited;
  }

  private hear(window: Buffer): void {
    let peak = 0;
    for (let at = 0; at + 1 < window.length; at += 2) peak = Math.max(peak, Math.abs(window.readInt16LE(at)));
    const silent = peak < SILENT_AMPLITUDE;
    if (silent === this.silent) return;
    this.silent = silent;
    this.since = Date.now();
  }
}
