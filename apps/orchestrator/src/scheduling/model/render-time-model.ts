import { pixelsOf, type RenderFeatures, withJobsBeside } from "./render-features.js";
import { fitRidge, type RidgeFit } from "./ridge.js";

/** A render that was completed. */
export interface MeasuredRender {
  readonly features: RenderFeatures;
  readonly agentId: string;
  /** Jobs that the agent had beside it when it was given. */
  readonly beside: number;
  /** From the first download to the file in its place. */
  readonly ms: number;
}

/** How long something is predicted to take. */
export interface Prediction {
  ms: number;
  /** One of ten takes less than the one, and one of ten more than the other. */
  p10: number;
  p90: number;
}

/** Whether the model knows enough to be asked, and how well it did. */
export type ModelState =
  | { ready: true; basedOn: number; errorPercent: number }
  | { ready: false; basedOn: number; errorPercent: number | null; reason: string };

/** What the model is made from at most: the newest. */
const WINDOW = 1000;
/** After so many newer ones a render counts half, since machines and versions change. */
const HALF_LIFE = 300;
/** Fewer say too little about sizes and agents at once. */
const LEAST = 20;
/** A model that is wrong by more than this, in the middle of all cases, is no help. */
const WORST_ERROR_PERCENT = 60;
const PENALTY = 1;
/** Tried; the one that predicts best what it was not fitted to is taken. */
const GROUP_PENALTIES = [0.3, 1, 3, 10];

interface Fitted {
  readonly fit: RidgeFit;
  readonly state: ModelState;
  readonly low: number;
  readonly high: number;
}

/**
 * How long renders take on which agent: the logarithm of the time as a linear function of the render's features and of who
 * does it, fitted to the renders that the fleet has completed. Its error is that of predicting each of them by the others.
 */
export class RenderTimeModel {
  private readonly measured: MeasuredRender[] = [];
  private fitted: Fitted | undefined;
  private freshness = 0;

  learn(render: MeasuredRender): void {
    if (!(render.ms > 0) || !(pixelsOf(render.features) > 0)) return;
    this.measured.push(render);
    if (this.measured.length > WINDOW) this.measured.shift();
    this.freshness += 1;
  }

  get state(): ModelState {
    return this.current()?.state ?? { ready: false, basedOn: 0, errorPercent: null, reason: tooFew(0) };
  }

  /**
   * How long a render takes, for any agent and any number of jobs beside it.
   *
   * @returns undefined where the model does not know enough; see {@link state}.
   */
  predict(features: RenderFeatures): ((agentId: string, beside: number) => Prediction) | undefined {
    const now = this.current();
    if (now?.state.ready !== true) return undefined;
    const { fit, low, high } = now;
    const bases = new Map<number, (agentId: string) => number>();
    return (agentId, beside) => {
      const base = bases.get(beside) ?? fit.predict(withJobsBeside(features, beside));
      bases.set(beside, base);
      const ms = Math.exp(base(agentId));
      return { ms, p10: ms * low, p90: ms * high };
    };
  }

  /** The pace in the middle of all that were measured, in pixels a millisecond; undefined where there are fewer than five. */
  get medianPace(): { pixelsPerMs: number; basedOn: number } | undefined {
    const paces = this.measured.map(({ features, ms }) => pixelsOf(features) / ms);
    if (paces.length < 5) return undefined;
    return { pixelsPerMs: quantile(paces.sort(ascending), 0.5), basedOn: paces.length };
  }

  /** How many times as long as the others an agent takes for the same render, and how often that was seen. */
  get agents(): ReadonlyMap<string, { timesAsLong: number; basedOn: number }> {
    const groups = this.current()?.fit.groups ?? new Map();
    return new Map(
      [...groups].map(([id, { effect, observations }]) => [
        id,
        { timesAsLong: Math.exp(effect), basedOn: observations },
      ]),
    );
  }

  /** What each feature adds to the logarithm of the time per standard deviation; in the order of the features. */
  get coefficients(): readonly number[] {
    return this.current()?.fit.coefficients ?? [];
  }

  private current(): Fitted | undefined {
    // A single new one among many hardly changes anything.
    const due = this.freshness >= Math.max(1, Math.floor(this.measured.length / 50));
    if (this.measured.length > 0 && due) {
      this.fitted = fitted(this.measured);
      this.freshness = 0;
    }
    return this.fitted;
  }
}

function fitted(measured: readonly MeasuredRender[]): Fitted {
  const newest = measured.length - 1;
  const observations = measured.map(({ features, agentId, beside, ms }, index) => ({
    ...{ x: withJobsBeside(features, beside), group: agentId, y: Math.log(ms) },
    weight: 0.5 ** ((newest - index) / HALF_LIFE),
  }));
  const squares = ({ leftOut }: RidgeFit) =>
    leftOut.reduce((sum, error, index) => sum + (observations[index]?.weight ?? 0) * error * error, 0);
  const [first, ...others] = GROUP_PENALTIES.map((penalty) => fitRidge(observations, PENALTY, penalty));
  const fit = others.reduce((best, other) => (squares(other) < squares(best) ? other : best), first as RidgeFit);
  const errors = [...fit.leftOut].sort(ascending);
  const relative = fit.leftOut.map((error) => Math.abs(Math.exp(error) - 1)).sort(ascending);
  const errorPercent = Math.round(quantile(relative, 0.5) * 1000) / 10;
  return {
    fit,
    state: stateOf(measured.length, errorPercent),
    low: Math.exp(quantile(errors, 0.1)),
    high: Math.exp(quantile(errors, 0.9)),
  };
}

function stateOf(basedOn: number, errorPercent: number): ModelState {
  if (basedOn < LEAST) return { ready: false, basedOn, errorPercent: null, reason: tooFew(basedOn) };
  if (errorPercent <= WORST_ERROR_PERCENT) return { ready: true, basedOn, errorPercent };
  const reason = `The model is wrong by ${errorPercent} % as a rule; ${WORST_ERROR_PERCENT} % would do.`;
  return { ready: false, basedOn, errorPercent, reason };
}

const tooFew = (seen: number): string => `The model knows ${seen} completed renders; it needs ${LEAST}.`;
const ascending = (a: number, b: number): number => a - b;

/** Of values in ascending order, of which there is one at least; between two neighbours it goes by the distance. */
function quantile(sorted: readonly number[], part: number): number {
  const place = (sorted.length - 1) * part;
  const below = sorted[Math.floor(place)] ?? 0;
  return below + (place % 1) * ((sorted[Math.ceil(place)] ?? below) - below);
}
