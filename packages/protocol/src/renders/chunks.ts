import { pixelsOf } from "./length.js";
import type { RenderRequest } from "./request.js";
import type { RenderTimeline, Slot } from "./timeline.js";

/** Neighbouring frames that one agent renders. */
export interface Chunk {
  firstFrame: number;
  frames: number;
  /** Its part of the work of the whole, as estimated: all together are 1. */
  share: number;
}

/** Shorter ones cost more than they save: each begins with a keyframe, a process, and a look for where its sources begin. */
const LEAST_SECONDS = 2;
/** More would be no quicker, and are all to be kept track of. */
const MOST_CHUNKS = 64;
/** A chunk is to take so long at least, of what one agent takes for it. */
const LEAST_WORK_MS = 15_000;
/** Chunks for each agent: so a slower one can take fewer, and a lost one costs less. */
const CHUNKS_PER_AGENT = 3;
/** A cut goes to where an element begins or ends, where a keyframe is due anyway, if that is so near: a part of a chunk. */
const NEAR = 0.1;

/**
 * Processor time per pixel and frame, measured with ffmpeg 5.1 at 720p, relative to that of an empty picture, encoding included. What
 * counts is how they relate to each other.
 */
const COST = {
  base: 1,
  video: 2,
  image: 0.1,
  text: 0.05,
  shape: 0.3,
  blur: 1.7,
  turned: 1.2,
  changing: 1.9,
  wiped: 12,
};

/**
 * In how many chunks a render is worth being cut.
 *
 * @param agents that can render at the same time.
 * @param workMs what one agent would take for all of it; undefined where nobody knows.
 */
export function chunkCount(timeline: RenderTimeline, agents: number, workMs: number | undefined): number {
  if (agents < 2) return 1;
  const byWork = workMs === undefined ? agents * 2 : Math.max(agents, Math.floor(workMs / LEAST_WORK_MS));
  return Math.min(byWork, agents * CHUNKS_PER_AGENT, MOST_CHUNKS, mostChunks(timeline));
}

const leastFrames = ({ fps, totalFrames }: RenderTimeline): number => Math.min(totalFrames, LEAST_SECONDS * fps);
const mostChunks = (timeline: RenderTimeline): number =>
  Math.max(1, Math.floor(timeline.totalFrames / leastFrames(timeline)));

/**
 * Cuts a composition into neighbouring ranges of frames that are about equally much work. Every frame is in one of them.
 *
 * @param count how many are wanted; there are fewer where they would be too short.
 */
export function planChunks(request: RenderRequest, timeline: RenderTimeline, count: number): Chunk[] {
  const least = leastFrames(timeline);
  const chunks = Math.max(1, Math.min(count, mostChunks(timeline)));
  const work = new Work(request, timeline);
  const cuts = [0];
  for (let index = 1; index < chunks; index += 1) {
    const wanted = work.frameAt(index / chunks);
    const from = (cuts.at(-1) ?? 0) + least;
    const until = timeline.totalFrames - (chunks - index) * least;
    const snapped = work.edgeNear(wanted, (NEAR * timeline.totalFrames) / chunks);
    cuts.push(Math.min(until, Math.max(from, snapped)));
  }
  return cuts.map((firstFrame, index) => {
    const end = cuts[index + 1] ?? timeline.totalFrames;
    return { firstFrame, frames: end - firstFrame, share: work.until(end) - work.until(firstFrame) };
  });
}

/** How much work a composition is, in pixels of an empty one, encoding included. */
export const workOf = (request: RenderRequest, timeline: RenderTimeline): number => new Work(request, timeline).total;

/** How much work frames are: constant between the moments where something begins or ends. */
class Work {
  /** Frames where the cost changes, in order, beginning with 0 and ending with the last frame's end. */
  private readonly edges: readonly number[];
  /** Work before each edge. */
  private readonly before: readonly number[];

  constructor(request: RenderRequest, { slots, totalFrames, fps }: RenderTimeline) {
    const pixels = request.width * request.height;
    const spans = slots.flatMap((slot) => spansOf(slot, request, fps));
    const inside = spans.flatMap(({ from, until }) => [from, until]).filter((at) => at > 0 && at < totalFrames);
    this.edges = [0, ...[...new Set(inside)].sort((a, b) => a - b), totalFrames];
    let sum = 0;
    this.before = this.edges.map((edge, index) => {
      const from = this.edges[index - 1];
      if (from === undefined) return 0;
      const active = spans.filter((span) => span.from <= from && span.until >= edge);
      const perFrame = COST.base * pixels + active.reduce((cost, span) => cost + span.cost, 0);
      sum += perFrame * (edge - from);
      return sum;
    });
  }

  /** The part of the work that lies before a frame. */
  until(frame: number): number {
    const next = this.edges.findIndex((edge) => edge > frame);
    if (next < 0) return 1;
    const [from = 0, to = 0] = [this.edges[next - 1], this.edges[next]];
    const [low = 0, high = 0] = [this.before[next - 1], this.before[next]];
    return (low + ((high - low) * (frame - from)) / (to - from)) / this.total;
  }

  /** The frame before which that part of the work lies. */
  frameAt(part: number): number {
    const wanted = part * this.total;
    const next = Math.max(
      1,
      this.before.findIndex((sum) => sum >= wanted),
    );
    const [from = 0, to = 0] = [this.edges[next - 1], this.edges[next]];
    const [low = 0, high = 0] = [this.before[next - 1], this.before[next]];
    return Math.round(from + ((to - from) * (wanted - low)) / (high - low));
  }

  /** The nearest moment where something begins or ends, if it is as near as that; otherwise the frame itself. */
  edgeNear(frame: number, frames: number): number {
    const distance = (edge: number) => Math.abs(edge - frame);
    const nearest = this.edges.reduce((best, edge) => (distance(edge) < distance(best) ? edge : best), 0);
    return distance(nearest) <= frames ? nearest : frame;
  }

  get total(): number {
    return this.before.at(-1) ?? 1;
  }
}

/** Frames in which an element costs something. */
interface Span {
  from: number;
  until: number;
  /** Per frame. */
  cost: number;
}

function spansOf(slot: Slot, canvas: RenderRequest, fps: number): Span[] {
  const { element, startFrame, frames, overlap, entry } = slot;
  if (element.type === "audio") return [];
  const pixels =
    Math.max(2, Math.min(2 * canvas.width, pixelsOf(element.width, canvas.width))) *
    Math.max(2, Math.min(2 * canvas.height, pixelsOf(element.height, canvas.height)));
  const until = startFrame + frames + overlap;
  const isMoving = element.type === "video";
  // What stands still is blurred and turned once.
  const each = isMoving
    ? COST.blur * element.effects.filter(({ type }) => type === "blur").length +
      (element.rotation % 90 === 0 ? 0 : COST.turned)
    : 0;
  const spans: Span[] = [{ from: startFrame, until, cost: pixels * (COST[element.type] + each) }];
  const { type: entering = "" } = element.transition ?? {};
  if (entering.startsWith("wipe"))
    spans.push({ from: startFrame, until: startFrame + entry, cost: pixels * COST.wiped });
  if (isMoving) return spans;
  const cost = pixels * COST.changing;
  if (entering === "fade") spans.push({ from: startFrame, until: startFrame + entry, cost });
  for (const effect of element.effects) {
    if (effect.type !== "fade_in" && effect.type !== "fade_out") continue;
    const length = Math.min(frames, Math.max(1, Math.round(effect.duration * fps)));
    const from = effect.type === "fade_in" ? startFrame : startFrame + frames - length;
    spans.push({ from, until: from + length, cost });
  }
  return spans;
}
