import { describe, expect, test } from "@jest/globals";
import { type MeasurementSample, measurementsSchema, ON_AIR, type Progress } from "@stream-control/protocol";
import fc from "fast-check";
import { Chart, MAX_SLOTS } from "./chart.js";

const FROM = Date.parse("2026-11-01T12:00:00.000Z");
const measured = (samples: readonly (MeasurementSample | null)[]): MeasurementSample[] =>
  samples.filter((sample) => sample !== null);

/** Reports at growing moments, with what an encoder says of itself; sometimes it is silent for long, or begins anew. */
const reports = fc.array(
  fc.record({
    afterMs: fc.oneof(fc.integer({ min: 400, max: 2400 }), fc.integer({ min: 3000, max: 400_000 })),
    progress: fc.record(
      {
        fps: fc.integer({ min: 0, max: 60 }),
        bitrateKbps: fc.integer({ min: 0, max: 20_000 }),
        speed: fc.integer({ min: 0, max: 3 }),
        droppedFrames: fc.integer({ min: 0, max: 500 }),
        onAir: fc.constantFrom(...ON_AIR),
      },
      { requiredKeys: [] },
    ),
    viewers: fc.option(fc.integer({ min: 0, max: 1000 })),
  }),
  { minLength: 1, maxLength: 2000, size: "max" },
);

function chartOf(entries: { afterMs: number; progress: Progress; viewers: number | null }[]): Chart {
  const chart = new Chart(FROM);
  let at = FROM;
  for (const [index, { afterMs, progress, viewers }] of entries.entries()) {
    if (index > 0) at += afterMs;
    chart.add(at, progress, viewers);
  }
  return chart;
}

describe("the chart of a run", () => {
  test("has one sample a second, also where reports come a little early or late", () => {
    const chart = new Chart(FROM);
    const moments = [0, 990, 2010, 3050, 4100, 5000];
    for (const ms of moments) chart.add(FROM + ms, { fps: 25 }, null);
    const { samples, intervalMs, from } = chart.toMeasurements();
    expect([intervalMs, from]).toEqual([1000, "2026-11-01T12:00:00.000Z"]);
    expect(samples.map((sample) => sample?.fps)).toEqual([25, 25, 25, 25, 25, 25]);
    expect(samples[3]?.at).toBe("2026-11-01T12:00:03.000Z");
  });

  test("leaves a gap where nothing was heard", () => {
    const chart = new Chart(FROM);
    chart.add(FROM, { fps: 25 }, 1);
    chart.add(FROM + 5000, { fps: 30 }, 2);
    expect(chart.toMeasurements().samples.map((sample) => sample?.fps ?? null)).toEqual([
      ...[25, null, null, null, null, 30],
    ]);
  });

  test("keeps a dip of one second visible after ten hours, and drops and alarms in their place", () => {
    const chart = new Chart(FROM);
    const dipAt = 17_000;
    for (let second = 0; second < 36_000; second += 1) {
      const dip = second === dipAt;
      const progress: Progress = { fps: dip ? 3 : 30, bitrateKbps: 5000, droppedFrames: second >= dipAt ? 27 : 0 };
      chart.add(
        FROM + second * 1000,
        { ...progress, onAir: dip ? "slate" : "program", alarms: dip ? ["slow"] : [] },
        8,
      );
    }
    const { samples, intervalMs } = chart.toMeasurements();
    expect(intervalMs).toBe(64_000);
    expect(samples.length).toBeLessThanOrEqual(MAX_SLOTS);
    const dip = samples[Math.floor((dipAt * 1000) / intervalMs)];
    expect(dip).toMatchObject({
      fpsMin: 3,
      fpsMax: 30,
      droppedFrames: 27,
      onAir: "slate",
      alarms: ["slow"],
      viewers: 8,
    });
    expect(dip?.fps).toBeCloseTo((63 * 30 + 3) / 64, 2);
    expect(measured(samples).filter(({ fpsMin }) => fpsMin !== 30)).toHaveLength(1);
  });

  test("counts frames that were dropped anew after an encoder began anew", () => {
    const chart = new Chart(FROM);
    for (const [second, droppedFrames] of [4, 6, 1, 1].entries())
      chart.add(FROM + second * 1000, { droppedFrames }, null);
    expect(measured(chart.toMeasurements().samples).map((sample) => sample.droppedFrames)).toEqual([4, 2, 1, 0]);
  });

  test("adds what comes after the clock was set back to the newest interval", () => {
    const chart = new Chart(FROM);
    chart.add(FROM, { fps: 10 }, null);
    chart.add(FROM + 10_000, { fps: 20 }, null);
    chart.add(FROM - 3_600_000, { fps: 30 }, null);
    expect(chart.toMeasurements().samples).toHaveLength(11);
    expect(chart.toMeasurements().samples.at(-1)).toMatchObject({ fps: 25, fpsMin: 20, fpsMax: 30 });
  });

  test("stays bounded and loses no extreme, no drop and no mean, however reports come", () => {
    fc.assert(
      fc.property(reports, (entries) => {
        const measurements = chartOf(entries).toMeasurements();
        expect(measurementsSchema.safeParse(measurements).success).toBe(true);
        const samples = measured(measurements.samples);
        const spanMs = entries.slice(1).reduce((sum, { afterMs }) => sum + afterMs, 0);
        // It reaches from the first to the last report.
        expect(measurements.samples).toHaveLength(Math.floor(spanMs / measurements.intervalMs) + 1);
        for (const [name, least, most] of [
          ["fps", "fpsMin", "fpsMax"],
          ["bitrateKbps", "bitrateKbpsMin", "bitrateKbpsMax"],
          ["speed", "speedMin", "speedMax"],
        ] as const) {
          const given = entries.flatMap(({ progress }) => progress[name] ?? []);
          const known = samples.filter((sample) => sample[name] !== null);
          if (given.length === 0) expect(known).toEqual([]);
          else {
            expect(Math.min(...known.map((sample) => sample[least] ?? Infinity))).toBe(Math.min(...given));
            expect(Math.max(...known.map((sample) => sample[most] ?? -1))).toBe(Math.max(...given));
          }
          for (const sample of known) {
            const [mean, min, max] = [sample[name] ?? -1, sample[least] ?? Infinity, sample[most] ?? -1];
            expect(mean).toBeGreaterThanOrEqual(min - 0.01 * min);
            expect(mean).toBeLessThanOrEqual(max * 1.01);
          }
        }
        let total = 0;
        const dropped = entries.reduce((sum, { progress: { droppedFrames = total } }) => {
          const delta = droppedFrames >= total ? droppedFrames - total : droppedFrames;
          total = droppedFrames;
          return sum + delta;
        }, 0);
        expect(samples.reduce((sum, sample) => sum + sample.droppedFrames, 0)).toBe(dropped);
      }),
      { numRuns: 60 },
    );
  });

  test("is the same after it was stored and read, piece by piece", () => {
    fc.assert(
      fc.property(reports, fc.integer({ min: 1, max: 200 }), (entries, every) => {
        const stored = new Map<number, Uint8Array>();
        const chart = new Chart(FROM);
        let head = chart.head;
        let at = FROM;
        for (const [index, { afterMs, progress, viewers }] of entries.entries()) {
          chart.add(at, progress, viewers);
          at += afterMs;
          if (index % every !== 0 && index !== entries.length - 1) continue;
          const changes = chart.takeChanges();
          for (const [offset, chunk] of changes.chunks.entries()) stored.set(changes.firstChunk + offset, chunk);
          const last = changes.firstChunk + changes.chunks.length - 1;
          for (const chunk of stored.keys()) if (chunk > last) stored.delete(chunk);
          head = changes.head;
          expect(chart.changed).toBe(false);
        }
        const chunks = [...stored].sort(([a], [b]) => a - b).map(([, chunk]) => chunk);
        const restored = Chart.restore(head, chunks);
        expect(restored.toMeasurements()).toEqual(chart.toMeasurements());
        restored.add(at + 60_000, { fps: 1, droppedFrames: 600 }, 5);
        chart.add(at + 60_000, { fps: 1, droppedFrames: 600 }, 5);
        expect(restored.toMeasurements()).toEqual(chart.toMeasurements());
      }),
      { numRuns: 40 },
    );
  });
});
