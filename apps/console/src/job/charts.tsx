import type { MeasurementSample, Measurements } from "@stream-control/protocol";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useApi } from "../api/context.js";
import { messageOf } from "../api/orchestrator-api.js";
import styles from "./charts.module.css";

type Field = "fps" | "bitrateKbps" | "speed" | "droppedFrames" | "cpuPercent" | "memoryMiB" | "peakDbfs" | "viewers";

interface ChartSpec {
  field: Field;
  name: string;
  unit: string;
  /** Where the smallest and the largest value of an interval stand beside the mean. */
  band?: readonly [least: keyof MeasurementSample, most: keyof MeasurementSample];
}

const CHARTS: readonly ChartSpec[] = [
  { field: "fps", name: "Frames a second", unit: "fps", band: ["fpsMin", "fpsMax"] },
  { field: "bitrateKbps", name: "Bitrate", unit: "kbit/s", band: ["bitrateKbpsMin", "bitrateKbpsMax"] },
  { field: "speed", name: "Speed", unit: "× real time", band: ["speedMin", "speedMax"] },
  { field: "droppedFrames", name: "Dropped frames", unit: "" },
  { field: "cpuPercent", name: "Processor, of one core", unit: "%" },
  { field: "memoryMiB", name: "Memory", unit: "MiB" },
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
  const charts = CHARTS.filter(({ field }) => data.samples.some((sample) => sample?.[field] != null));
  if (charts.length === 0) return <p className="soft">Nothing has been measured yet.</p>;
  return (
    <div className={styles.charts}>
      {charts.map((spec) => (
        <Chart key={spec.field} spec={spec} measurements={data} />
      ))}
    </div>
  );
}

type Rows = [moments: number[], ...values: (number | null)[][]];

/** The values of a chart as uPlot takes them: moments in seconds, then one row for each line. */
function rowsOf({ from, intervalMs, samples }: Measurements, { field, band }: ChartSpec): Rows {
  const start = from === null ? 0 : Date.parse(from);
  const row = (name: keyof MeasurementSample) =>
    samples.map((sample) => {
      const value = sample?.[name];
      return typeof value === "number" ? value : null;
    });
  return [samples.map((_, index) => (start + index * intervalMs) / 1000), row(field), ...(band?.map(row) ?? [])];
}

/** One measurement over time; the same moment is pointed at in all charts. */
function Chart({ spec, measurements }: { spec: ChartSpec; measurements: Measurements }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const data = rowsOf(measurements, spec);
  const newest = useRef(data);
  const name = spec.unit === "" ? spec.name : `${spec.name} (${spec.unit})`;
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const drawn = new uPlot(optionsOf(spec, element), newest.current, element);
    plot.current = drawn;
    const size = new ResizeObserver(() => drawn.setSize({ width: element.clientWidth, height: HEIGHT_PX }));
    size.observe(element);
    return () => {
      size.disconnect();
      drawn.destroy();
      plot.current = undefined;
    };
  }, [spec]);
  useEffect(() => {
    newest.current = data;
    plot.current?.setData(data);
  });
  const values = (data[1] ?? []).filter((value) => value !== null);
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

function optionsOf(spec: ChartSpec, element: HTMLElement): uPlot.Options {
  const colours = getComputedStyle(element);
  const [ink, grid, line, fill] = ["--soft", "--line", "--accent", "--sunken"].map((name) =>
    colours.getPropertyValue(name),
  );
  const axis: uPlot.Axis = { ...(ink && { stroke: ink }), ...(grid && { grid: { stroke: grid } }) };
  const edge: uPlot.Series = { stroke: "transparent", points: { show: false } };
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    cursor: { sync: { key: "run" } },
    legend: { show: false },
    axes: [axis, { ...axis, size: 60 }],
    series: [
      {},
      { ...(line && { stroke: line }), width: 1.5, points: { show: false } },
      ...(spec.band === undefined ? [] : [edge, edge]),
    ],
    ...(spec.band === undefined || !fill ? {} : { bands: [{ series: [3, 2], fill }] }),
  };
}

const round = (value: number) => value.toLocaleString(undefined, { maximumFractionDigits: 1 });
