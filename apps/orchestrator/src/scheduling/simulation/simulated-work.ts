import { RENDERS_FEATURE, renderRequestSchema } from "@stream-control/protocol";
import { pixelsOf, type RenderFeatures, renderFeatures } from "../model/render-features.js";
import { requirementKey, requirementOf } from "../requirement.js";
import type { Rated } from "../strategies/picked.js";
import type { WaitingJob } from "../waiting-jobs.js";
import { normal, oneOf } from "./random.js";

/** A render, and how much work it really is: what no strategy is told. */
export interface SimulatedJob {
  readonly waiting: WaitingJob;
  readonly features: RenderFeatures;
  readonly work: number;
  readonly submittedMs: number;
}

/** An agent with a speed of its own. */
export class SimulatedAgent implements Rated {
  readonly room = "default";
  readonly connected = true;
  readonly draining = false;
  readonly faulty = false;
  used = 0;
  assigned = 0;

  /**
   * @param pixelsPerMs of plain work, alone on the machine.
   * @param slowerBeside what each job beside it costs a job, as a part of its time.
   */
  constructor(
    readonly id: string,
    readonly pixelsPerMs: number,
    private readonly slots: number,
    private readonly slowerBeside: number,
  ) {}

  get capabilities() {
    return { slots: this.slots, features: [RENDERS_FEATURE] };
  }
  get load() {
    return { cpuPercent: Math.min(100, (100 * this.used) / this.slots) };
  }

  /** How long it takes for a job that begins now beside those that it has. */
  timeFor({ work }: SimulatedJob, noise: number): number {
    return (START_MS + work / this.pixelsPerMs) * (1 + this.slowerBeside * this.used) * noise;
  }
}

/** What every render takes, whatever it is. */
const START_MS = 400;

/** Machines as they come together over the years: the fastest is over twenty times as fast as the slowest. */
export const simulatedFleet = (): SimulatedAgent[] => [
  new SimulatedAgent("rack-1", 90_000, 4, 0.35),
  new SimulatedAgent("rack-2", 70_000, 3, 0.35),
  new SimulatedAgent("desk-1", 40_000, 2, 0.45),
  new SimulatedAgent("desk-2", 32_000, 2, 0.45),
  new SimulatedAgent("laptop", 16_000, 1, 0.6),
  new SimulatedAgent("old-1", 9000, 2, 0.7),
  new SimulatedAgent("old-2", 7000, 2, 0.7),
  new SimulatedAgent("tiny", 4000, 1, 0.8),
];

/** Width and height; those in the middle come most often. */
const SIZES: readonly [Size, ...Size[]] = [
  [640, 360],
  [1280, 720],
  [1280, 720],
  [1920, 1080],
  [1920, 1080],
  [3840, 2160],
];
type Size = readonly [number, number];
/** What a pixel of the format costs compared with one of MP4. */
const FORMATS = { mp4: 1, mov: 1, webm: 3.5, gif: 0.7 } as const;

/** A render of a kind that really comes: short clips mostly, some long, some large. */
export function simulatedJob(seq: number, submittedMs: number, random: () => number): SimulatedJob {
  const [width, height] = oneOf(random, SIZES);
  const format = oneOf(random, ["mp4", "mp4", "mp4", "mov", "webm", "gif"] as const);
  const seconds = Math.min(300, Math.max(1, Math.exp(2.5 + 0.9 * normal(random))));
  const layers = 1 + Math.floor(random() * 6);
  const effects = Array.from({ length: Math.floor(random() * 3) }, () => ({ type: "blur" }));
  const elements = Array.from({ length: layers }, (_, n) => ({
    type: "shape",
    track: n,
    effects: n === 0 ? effects : [],
  }));
  const request = renderRequestSchema.parse({ width, height, output_format: format, duration: seconds, elements });
  const config = { kind: "render", request };
  const features = renderFeatures(config);
  if (features === undefined) throw new Error("A simulated render is none.");
  const requirement = requirementOf(config, "default");
  const waiting: WaitingJob = {
    ...{ id: `job-${seq}`, seq, priority: "normal", epoch: 0, fence: false, readyAtMs: 0, restarts: 0, strategy: null },
    ...{ requirement, key: requirementKey(requirement), features, avoid: new Map() },
  };
  const work = pixelsOf(features) * FORMATS[format] * (1 + 0.15 * (layers - 1) + 0.5 * effects.length);
  return { waiting, features, work, submittedMs };
}
