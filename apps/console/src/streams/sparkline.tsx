import styles from "./sparkline.module.css";

const WIDTH = 100;
const HEIGHT = 24;
/** Measurements across the whole width: two minutes. */
const ACROSS = 120;

/** The line through values, the newest at the right edge, as the points of a polyline. */
function pointsOf(values: readonly number[], highest: number): string {
  const top = Math.max(highest, ...values, 1e-9);
  const step = WIDTH / (ACROSS - 1);
  const from = WIDTH - (values.length - 1) * step;
  return values
    .map((value, index) => `${(from + index * step).toFixed(1)},${(HEIGHT - (value / top) * HEIGHT).toFixed(1)}`)
    .join(" ");
}

export interface SparklineProps {
  name: string;
  /** The newest value in words. */
  value: string;
  values: readonly number[];
  /** What the top of the drawing stands for at least, so that a steady line is not all noise. */
  highest?: number;
}

/** A measurement of the last two minutes as a small line, with its newest value. */
export function Sparkline({ name, value, values, highest = 0 }: SparklineProps) {
  return (
    <div className={styles.spark}>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        <line className={styles.base} x1="0" x2={WIDTH} y1={HEIGHT} y2={HEIGHT} />
        <polyline className={styles.line} points={pointsOf(values, highest)} />
      </svg>
      <p className={styles.value}>
        <span className="soft">{name}</span>
        <span className="figure">{value}</span>
      </p>
    </div>
  );
}
