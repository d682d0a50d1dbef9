import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compositionArguments } from "@stream-control/ffmpeg";
import { parseRenderRequest, type RenderRequestInput, renderTimeline } from "@stream-control/protocol";
import { ffmpeg, run } from "@stream-control/test-kit";
import { startAgent, startOrchestrator } from "./service.js";

const ROUNDS = 5;
const CLIP_SECONDS = 12;

/** Medians, in milliseconds. */
export interface RenderResult {
  /** From the request to its answer. */
  productMs: number;
  /** The same arguments, given to ffmpeg by hand. */
  byHandMs: number;
}

/** A clip with a shape over it, rendered through the product and by the same ffmpeg by hand, in turns. */
export async function measureRender(): Promise<RenderResult> {
  const folder = await mkdtemp(join(tmpdir(), "sc-bench-render-"));
  const clip = join(folder, "clip.mp4");
  const inputs = ["-f", "lavfi", "-i", `testsrc2=s=640x360:r=30:d=${CLIP_SECONDS}`];
  await ffmpeg([...inputs, "-f", "lavfi", "-i", `sine=d=${CLIP_SECONDS}`, "-shortest", "-pix_fmt", "yuv420p", clip]);
  const request: RenderRequestInput = {
    ...{ width: 640, height: 360 },
    elements: [
      { type: "video", source: clip },
      { type: "shape", x: "10%", y: "10%", width: "20%", height: "20%", opacity: 0.5 },
    ],
  };
  const args = argumentsFor(request, clip, join(folder, "by-hand.mp4"));
  const orchestrator = await startOrchestrator({ MEDIA_DIR: folder });
  const agent = await startAgent(orchestrator.port, { OUTPUT_DIRS: folder, INPUT_DIRS: folder });
  const product: number[] = [];
  const byHand: number[] = [];
  try {
    for (let round = 0; round <= ROUNDS; round += 1) {
      byHand.push(await timed(() => run("ffmpeg", args, { deadlineMs: 60_000 })));
      // No composition is the same as an earlier one, whose file would be taken instead: nobody sees the background.
      const background = `#00000${round}`;
      product.push(await timed(() => ask(orchestrator.port, { ...request, background })));
      // The first of each warms the machine up.
      if (round === 0) product.length = byHand.length = 0;
    }
  } finally {
    await agent.stop();
    await orchestrator.stop();
    await rm(folder, { recursive: true, force: true });
  }
  return { productMs: median(product), byHandMs: median(byHand) };
}

/** What a runner gives to ffmpeg, but for where it tells its progress. */
function argumentsFor(given: RenderRequestInput, clip: string, output: string): string[] {
  const request = parseRenderRequest(given);
  if (!request.ok) throw new Error("The benchmark's own request is wrong.");
  const facts = { hasVideo: true, hasAudio: true, durationSeconds: CLIP_SECONDS };
  const timeline = renderTimeline(request.value, () => facts);
  if (!timeline.ok) throw new Error("The benchmark's own request cannot be timed.");
  const composition = { request: request.value, timeline: timeline.value, output, textFile: () => "" };
  const args = compositionArguments({ ...composition, localSource: () => ({ path: clip, hasAudio: true }) });
  return args.map((arg) => (arg === "pipe:3" ? "pipe:1" : arg));
}

async function ask(port: number, request: RenderRequestInput): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/orchestrate`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(request),
  });
  if (response.status !== 200)
    throw new Error(`A render was answered with ${response.status}: ${await response.text()}`);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
