/** Something that was measured: what it was like, who did it, and what came out. */
export interface Observation {
  readonly x: readonly number[];
  readonly group: string;
  readonly y: number;
  /** How much it counts; 1 is in full. */
  readonly weight: number;
}

/** A fitted model; see {@link fitRidge}. */
export interface RidgeFit {
  /** One per feature, for features in units of their standard deviations. */
  readonly coefficients: readonly number[];
  /** What each group does more or less than all of them; 0 for one that was never seen. */
  readonly groups: ReadonlyMap<string, { readonly effect: number; readonly observations: number }>;
  /** What each observation differs from what a model says that was fitted without it. */
  readonly leftOut: readonly number[];
  /**
   * What features are predicted to bring, for any group.
   *
   * @param x a feature that is not known is NaN, and counts as an average one.
   */
  predict(x: readonly number[]): (group: string) => number;
}

interface Group {
  weight: number;
  observations: number;
  x: number[];
  y: number;
}

/**
 * Linear regression with an effect of each group, both drawn towards 0 (ridge): minimises
 * `Σ weight (y − mean − x·b − effect)² + penalty |b|² + groupPenalty |effects|²`. The groups are eliminated first (each has a
 * number of its own on the diagonal), so that many of them cost little; what is left is a small system for `b`.
 *
 * @param observations at least one; all `x` of one length. NaN is an average feature.
 */
export function fitRidge(observations: readonly Observation[], penalty: number, groupPenalty: number): RidgeFit {
  const scale = scaleOf(observations);
  const { meanY, totalWeight } = scale;
  const features = scale.means.length;
  const rows = observations.map(({ x }) => scale.standard(x));
  const groups = new Map<string, Group>();
  const system = Array.from({ length: features }, (_, row) =>
    Array.from({ length: features }, (_, column) => (row === column ? penalty : 0)),
  );
  const right = zeros(features);
  for (const [index, { group, y, weight }] of observations.entries()) {
    const x = rows[index] as number[];
    const own = groups.get(group) ?? { weight: 0, observations: 0, x: zeros(features), y: 0 };
    groups.set(group, own);
    own.weight += weight;
    own.observations += 1;
    own.y += weight * (y - meanY);
    addTo(own.x, x, weight);
    addTo(right, x, weight * (y - meanY));
    for (let row = 0; row < features; row += 1) addTo(system[row] as number[], x, weight * at(x, row));
  }
  for (const { weight, x, y } of groups.values()) {
    const share = 1 / (weight + groupPenalty);
    addTo(right, x, -share * y);
    for (let row = 0; row < features; row += 1) addTo(system[row] as number[], x, -share * at(x, row));
  }
  const lower = cholesky(system);
  const coefficients = backward(lower, forward(lower, right));
  const effects = new Map(
    [...groups].map(([id, { weight, x, y, observations: count }]) => [
      id,
      { effect: (y - dot(x, coefficients)) / (weight + groupPenalty), observations: count },
    ]),
  );
  const predict = (x: readonly number[]) => {
    const base = meanY + dot(scale.standard(x), coefficients);
    return (group: string) => base + (effects.get(group)?.effect ?? 0);
  };
  // The residual without an observation follows from its leverage; nothing has to be fitted again (Allen's PRESS).
  const leftOut = observations.map(({ group, y, weight }, index) => {
    const own = groups.get(group) as Group;
    const x = rows[index] as number[];
    const share = 1 / (own.weight + groupPenalty);
    const solved = forward(
      lower,
      x.map((value, feature) => value - share * at(own.x, feature)),
    );
    const leverage = weight * (share + dot(solved, solved) + 1 / totalWeight);
    const residual = y - meanY - dot(x, coefficients) - (effects.get(group)?.effect ?? 0);
    return residual / Math.max(0.05, 1 - leverage);
  });
  return { coefficients, groups: effects, leftOut, predict };
}

/** Means and deviations, so that one penalty is right for features of all units. */
function scaleOf(observations: readonly Observation[]) {
  const features = observations[0]?.x.length ?? 0;
  const totalWeight = observations.reduce((sum, { weight }) => sum + weight, 0);
  const meanY = observations.reduce((sum, { y, weight }) => sum + weight * y, 0) / totalWeight;
  const means = zeros(features);
  const deviations = zeros(features);
  for (let feature = 0; feature < features; feature += 1) {
    let [weights, sum, squares] = [0, 0, 0];
    for (const { x, weight } of observations) {
      const value = at(x, feature);
      if (Number.isNaN(value)) continue;
      weights += weight;
      sum += weight * value;
      squares += weight * value * value;
    }
    const mean = weights === 0 ? 0 : sum / weights;
    means[feature] = mean;
    deviations[feature] = weights === 0 ? 0 : Math.sqrt(Math.max(0, squares / weights - mean * mean));
  }
  const standard = (x: readonly number[]) =>
    means.map((mean, feature) => {
      const [value, deviation] = [at(x, feature), at(deviations, feature)];
      // A feature that never varied says nothing.
      return Number.isNaN(value) || deviation < 1e-9 ? 0 : (value - mean) / deviation;
    });
  return { means, meanY, totalWeight, standard };
}

const zeros = (length: number): number[] => Array.from({ length }, () => 0);
const at = (values: readonly number[], index: number): number => values[index] ?? 0;
const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, index) => sum + value * at(b, index), 0);

function addTo(target: number[], x: readonly number[], times: number): void {
  for (let index = 0; index < target.length; index += 1) target[index] = at(target, index) + times * at(x, index);
}

/** The lower triangle `L` with `L Lᵀ` the matrix, which the penalty makes positive definite. */
function cholesky(matrix: readonly (readonly number[])[]): number[][] {
  const lower: number[][] = [];
  for (const [row, values] of matrix.entries()) {
    const line: number[] = [];
    for (let column = 0; column <= row; column += 1) {
      const other = column === row ? line : (lower[column] as number[]);
      let sum = at(values, column);
      for (let k = 0; k < column; k += 1) sum -= at(line, k) * at(other, k);
      line.push(column === row ? Math.sqrt(Math.max(sum, 1e-12)) : sum / at(other, column));
    }
    lower.push(line);
  }
  return lower;
}

function forward(lower: readonly (readonly number[])[], right: readonly number[]): number[] {
  const solved: number[] = [];
  for (const [row, line] of lower.entries()) {
    let sum = at(right, row);
    for (let k = 0; k < row; k += 1) sum -= at(line, k) * at(solved, k);
    solved.push(sum / at(line, row));
  }
  return solved;
}

function backward(lower: readonly (readonly number[])[], right: readonly number[]): number[] {
  const solved = [...right];
  for (let row = lower.length - 1; row >= 0; row -= 1) {
    let sum = at(right, row);
    for (let k = row + 1; k < lower.length; k += 1) sum -= at(lower[k] as number[], row) * at(solved, k);
    solved[row] = sum / at(lower[row] as number[], row);
  }
  return solved;
}
