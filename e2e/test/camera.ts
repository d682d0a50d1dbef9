import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type RtmpServer, waitFor } from "@stream-control/test-kit";

/** A camera that pushes to an RTMP server: a moving picture, 320×180 at 25 frames a second, and a tone. */
export class Camera {
  private constructor(private readonly encoder: ChildProcess) {}

  /** Resolves when the server has its stream, as `/live/<name>`. */
  static async plugIn(rtmp: RtmpServer, name: string): Promise<Camera> {
    const camera = new Camera(
      spawn(
        "ffmpeg",
        [
          ...["-loglevel", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25"],
          ...["-f", "lavfi", "-i", "sine=frequency=440", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25"],
          ...["-pix_fmt", "yuv420p", "-c:a", "aac", "-f", "flv", rtmp.url(name)],
        ],
        { stdio: "ignore" },
      ),
    );
    await waitFor(() => rtmp.live.has(`/live/${name}`), { what: "the camera" });
    return camera;
  }

  /** Pulls its plug; may be done twice. */
  async unplug(): Promise<void> {
    const { encoder } = this;
    if (encoder.exitCode !== null || encoder.signalCode !== null) return;
    const exited = once(encoder, "exit");
    encoder.kill("SIGKILL");
    await exited;
  }
}
