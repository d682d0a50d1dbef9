import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { streamConfigSchema } from "@stream-control/protocol";
import { freePort, startRtmpServer } from "@stream-control/test-kit";
import { percentile } from "./percentile.js";
import { waitUntil } from "./service.js";

/** What viewers waited for while sources were lost. */
export interface SourceLossResult {
  rounds: number;
  p50Ms: number;
  p99Ms: number;
  /** Times that the destination's server saw a new publication. */
  reconnects: number;
  /** Lines that the receiver's decoder complained with. */
  decodeErrors: number;
}

type Color = "red" | "blue" | "other";

/**
 * Time from the loss of a source to the first picture of the slate, decoded by a receiver behind a real RTMP server, at
 * 720p30. The source's encoder is killed and frozen in turns; half of the rounds therefore include the grace time.
 */
export async function measureSourceLoss(rounds = 50): Promise<SourceLossResult> {
  const folder = await mkdtemp(join(tmpdir(), "sc-bench-"));
  const server = await startRtmpServer();
  const input = `rtmp://127.0.0.1:${await freePort()}/live/camera`;
  const runner = startRunner(folder, input, server.url("bench"));
  const camera = new Camera(input);
  let receiver: Receiver | undefined;
  try {
    await waitUntil(async () => server.live.has("/live/bench"), 30_000);
    const eyes = new Receiver(server.url("bench"));
    receiver = eyes;
    const times: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      await eyes.see("red");
      // Somewhere in a group of pictures.
      await new Promise((resolve) => setTimeout(resolve, 300 + Math.random() * 700));
      const lostAt = performance.now();
      const hangs = round % 2 === 1;
      camera.signal(hangs ? "SIGSTOP" : "SIGKILL");
      times.push((await eyes.see("blue")) - lostAt);
      if (hangs) camera.signal("SIGCONT");
    }
    return {
      rounds,
      p50Ms: percentile(times, 0.5),
      p99Ms: percentile(times, 0.99),
      reconnects: server.published.filter((path) => path === "/live/bench").length - 1,
      decodeErrors: eyes.complaints,
    };
  } finally {
    await receiver?.stop();
    await camera.stop();
    await end(runner, "SIGTERM");
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function startRunner(folder: string, source: string, destination: string): ChildProcess {
  const spec = {
    ...{ jobId: "bench", epoch: 1, videoEncoder: "libx264", muted: false, paused: false },
    ...{ ffmpegPath: "ffmpeg", ffprobePath: "ffprobe", socketPath: join(folder, "s.sock") },
    ...{ stopGraceMs: 5000, killAfterMs: 2000 },
    config: streamConfigSchema.parse({
      source: { type: "rtmp", url: source, listen: true },
      destinations: [{ type: "rtmp", url: destination }],
      video: { gopSeconds: 1 },
      sourceLoss: { slate: { kind: "text", color: "#0000ff" }, returnAfterMs: 300 },
    }),
  };
  writeFileSync(join(folder, "spec.json"), JSON.stringify(spec), { mode: 0o600 });
  const main = fileURLToPath(new URL("../../apps/agent/dist/runner/runner-main.js", import.meta.url));
  return spawn(process.execPath, [main, folder], { stdio: ["ignore", "ignore", "inherit"] });
}

/** Pushes a red picture, and begins again whenever it was cut off. */
class Camera {
  private child: ChildProcess | undefined;
  private over = false;
  private readonly running: Promise<void>;

  constructor(private readonly url: string) {
    this.running = this.run();
  }

  signal(signal: NodeJS.Signals): void {
    this.child?.kill(signal);
  }

  async stop(): Promise<void> {
    this.over = true;
    this.child?.kill("SIGKILL");
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.over) {
      this.child = spawn(
        "ffmpeg",
        [
          ...["-v", "quiet", "-re", "-f", "lavfi", "-i", "color=c=red:s=640x360:r=30"],
          ...["-re", "-f", "lavfi", "-i", "sine", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency"],
          ...["-g", "30", "-pix_fmt", "yuv420p", "-c:a", "aac", "-f", "flv", this.url],
        ],
        { stdio: "ignore" },
      );
      await once(this.child, "exit");
    }
  }
}

/** Decodes a stream down to one dot and tells its colour. */
class Receiver {
  complaints = 0;
  private readonly child: ChildProcess;
  private color: Color = "other";
  private waiting: { color: Color; resolve: (at: number) => void } | undefined;

  constructor(url: string) {
    this.child = spawn(
      "ffmpeg",
      [
        ...["-v", "error", "-nostdin", "-fflags", "nobuffer", "-flags", "low_delay", "-probesize", "100000", "-i", url],
        ...["-map", "0:v", "-vf", "scale=2:2", "-f", "rawvideo", "-pix_fmt", "rgb24", "-flush_packets", "1", "pipe:1"],
      ],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    this.child.stdout?.on("data", (data: Buffer) => this.look(data));
    this.child.stderr?.on("data", (data: Buffer) => {
      this.complaints += data.toString().split("\n").length - 1;
    });
  }

  /** Waits for a colour. @returns when it was seen. */
  see(color: Color): Promise<number> {
    if (this.color === color) return Promise.resolve(performance.now());
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const timer = setTimeout(() => reject(new Error(`The receiver never saw ${color}.`)), 60_000);
    this.waiting = {
      color,
      resolve: (at) => {
        clearTimeout(timer);
        resolve(at);
      },
    };
    return promise;
  }

  stop(): Promise<void> {
    return end(this.child, "SIGKILL");
  }

  private look(data: Buffer): void {
    const [red = 0, , blue = 0] = data.subarray(-3);
    this.color = red > 128 && blue < 100 ? "red" : blue > 128 && red < 100 ? "blue" : "other";
    if (this.waiting?.color !== this.color) return;
    this.waiting.resolve(performance.now());
    this.waiting = undefined;
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
  await exited;
  clearTimeout(timer);
}
