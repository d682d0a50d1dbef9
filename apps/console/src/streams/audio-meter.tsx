import type { AudioLevels } from "@stream-control/protocol";
import { useEffect, useRef } from "react";
import styles from "./audio-meter.module.css";
import { everyFrame } from "./frames.js";
import { Ballistics, FLOOR_DBFS, onScale } from "./levels.js";
import { useVisible } from "./use-visible.js";

const loudest = ({ peaksDbfs }: AudioLevels): number =>
  Math.max(FLOOR_DBFS, ...peaksDbfs.map((peaks) => Math.max(...peaks)));

/** The loudness of the outgoing sound: moves in every frame, is read out as the peak of the last second. */
export function AudioMeter({ levels }: { levels: AudioLevels }) {
  const meter = useRef<HTMLDivElement>(null);
  const visible = useVisible(meter);
  const channels = levels.rmsDbfs.length;
  const ballistics = useRef<Ballistics[]>([]);
  useEffect(() => {
    ballistics.current = Array.from({ length: channels }, (_, channel) => new Ballistics(channel));
  }, [channels]);
  useEffect(() => {
    for (const each of ballistics.current) each.report(levels, performance.now());
  }, [levels]);
  useEffect(() => {
    if (!visible) return;
    return everyFrame((nowMs) => {
      const covers = meter.current?.querySelectorAll<HTMLElement>("[data-cover]") ?? [];
      for (const [channel, cover] of [...covers].entries())
        cover.style.transform = `scaleY(${1 - onScale(ballistics.current[channel]?.at(nowMs) ?? FLOOR_DBFS)})`;
    });
  }, [visible]);
  const peak = Math.round(loudest(levels));
  return (
    <div className={styles.place}>
      <div ref={meter} className={styles.meter}>
        <meter
          className="hidden-text"
          aria-label="Sound"
          min={FLOOR_DBFS}
          max={0}
          value={Math.min(0, peak)}
          aria-valuetext={peak <= FLOOR_DBFS ? "silent" : `peaks at ${peak} decibels below full scale`}
        />
        {Array.from({ length: channels }, (_, channel) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a channel is its number.
          <div key={channel} className={styles.channel}>
            <div className={styles.scale} />
            <div className={styles.cover} data-cover />
          </div>
        ))}
      </div>
    </div>
  );
}
