import styles from "./agents-page.module.css";

/** Above this share an operator should look. */
const HIGH = 0.9;

export interface GaugeProps {
  name: string;
  /** Of what there is: 0 to 1. */
  share: number;
  words: string;
}

/** How much of something is in use. */
export function Gauge({ name, share, words }: GaugeProps) {
  const shown = Math.min(1, Math.max(0, share));
  return (
    <div className={styles.gauge}>
      <meter
        className="hidden-text"
        aria-label={name}
        min={0}
        max={1}
        high={HIGH}
        value={shown}
        aria-valuetext={words}
      />
      <div className={styles.track}>
        <div className={styles.fill} data-high={shown >= HIGH} style={{ transform: `scaleX(${shown})` }} />
      </div>
      <span className="figure">{words}</span>
    </div>
  );
}
