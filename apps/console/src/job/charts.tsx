import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useApi } from "../api/context.js";
import { messageOf } from "../api/orchestrator-api.js";
import styles from "./charts.module.css";

/** What was measured over an interval of a run. Null: nothing was. */
interface Sample {
  at: string;
  fps: number | null;
  fpsMin?: number | null;
  bitrateKbps: number | null;
  speed: number | null;
  droppedFrames: number | null;
  cpuPercent: number | null;
  viewers: number | null;
  peakDbfs: number | null;
}

interface Measurements {
  intervalMs: number;
  samples: Sample[];
}

const CHARTS: readonly { field: keyof Sample; name: string; unit: string }[] = [
  { field: "fps", name: "Frames a second", unit: "fps" },
  { field: "bitrateKbps", name: "Bitrate", unit: "kbit/s" },
  { field: "droppedFrames", name: "Dropped frames", unit: "" },
  { field: "cpuPercent", name: "Processor, of one core", unit: "%" },
  { field: "peakDbfs", name: "Sound, peaks", unit: "dBFS" },
  { field: "viewers", name: "Viewers", unit: "" },
];
const REFRESH_MS = 5000;
const HEIGHT_PX = 150;

/** The measurements of the whole run, from the first second to now. */
export function Charts({ jobId, running }: { jobId: string; running: boolean }) {
  const api = useApi();
  const { data, error } = useQuery({
    queryKey: ["job", jobId, "measurements"],
    queryFn: ({ signal }) => api.get<Measurements>(`/v1/jobs/${encodeURIComponent(jobId)}/measurements`, {}, signal),
    refetchInterval: running ? REFRESH_MS : false,
  });
  if (error !== null) return <p role="alert">{messageOf(error)}</p>;
  if (data === undefined) return <p className="soft">Loading…</p>;
  const charts = CHARTS.filter(({ field }) => data.samples.some((sample) => typeof sample[field] === "number"));
  if (charts.length === 0) return <p className="soft">Nothing has been measured yet.</p>;
  return (
    <div className={styles.charts}>
      {charts.map(({ field, name, unit }) => (
        <Chart key={field} name={unit === "" ? name : `${name} (${unit})`} samples={data.samples} field={field} />
      ))}
    </div>
  );
}

/** One measurement over time; the same moment is pointed at in all charts. */
function Chart({ name, samples, field }: { name: string; samples: readonly Sample[]; field: keyof Sample }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const data: uPlot.AlignedData = [
    samples.map(({ at }) => Date.parse(at) / 1000),
    samples.map((sample) => (typeof sample[field] === "number" ? sample[field] : null)),
  ];
  const newest = useRef(data);
  newest.current = data;
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const colours = getComputedStyle(element);
    const axis = { stroke: colours.getPropertyValue("--soft"), grid: { stroke: colours.getPropertyValue("--line") } };
    const line = colours.getPropertyValue("--accent");
    const drawn = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT_PX,
        cursor: { sync: { key: "run" } },
        legend: { show: false },
        axes: [axis, { ...axis, size: 56 }],
        series: [{}, { label: name, stroke: line, width: 1.5, points: { show: false } }],
      },
      newest.current,
      element,
    );
    plot.current = drawn;
    const size = new ResizeObserver(() => drawn.setSize({ width: element.clientWidth, height: HEIGHT_PX }));
    size.observe(element);
    return () => {
      size.disconnect();
      drawn.destroy();
      plot.current = undefined;
    };
  }, [name]);
  useEffect(() => plot.current?.setData(data));
  const values = data[1]?.filter((value) => typeof value === "number") ?? [];
  const range = `from ${round(Math.min(...values))} to ${round(Math.max(...values))}, now ${round(values.at(-1) ?? 0)}`;
  return (
    <figure>
      <figcaption className={styles.name}>
        {name} <span className="soft">{range}</span>
      </figcaption>
      <div ref={box} role="img" aria-label={`${name}: ${range}`} />
    </figure>
  );
}

const round = (value: number) => value.toLocaleString(undefined, { maximumFractionDigits: 1 });
