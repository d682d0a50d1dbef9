import { cp } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "@jest/globals";
import { type Measurements, measurementsSchema } from "@stream-control/protocol";
import { temporaryFolder, waitFor } from "@stream-control/test-kit";
import { House } from "./house.js";
import type { SeedAgent } from "./seed-agent.js";

const chartOf = async (house: House, id: string): Promise<Measurements> => {
  const { status, body } = await house.api("GET", `/v1/jobs/${id}/measurements`);
  expect(status).toBe(200);
  return measurementsSchema.parse(body);
};
const fpsOf = ({ samples }: Measurements) => samples.flatMap((sample) => sample?.fps ?? []);

/** Reports until the chart has so many samples with this rate. */
async function report(house: House, agent: SeedAgent, id: string, progress: object, samples: number) {
  await waitFor(
    async () => {
      agent.update(id, "RUNNING", { progress });
      await agent.roundTrip();
      return fpsOf(await chartOf(house, id)).length >= samples || undefined;
    },
    { everyMs: 200 },
  );
}

const countRows = (house: House): number => {
  const database = new DatabaseSync(join(house.dataDir, "orchestrator.db"));
  const { rows } = database
    .prepare("select (select count(*) from job_charts) + (select count(*) from job_chart_chunks) as rows")
    .get() as { rows: number };
  database.close();
  return rows;
};

describe("the chart of a job", () => {
  test("is empty before anything was measured, and 404 for a job that is not there", async () => {
    await using house = await House.open();
    const { id } = await house.submit();
    expect(await chartOf(house, id)).toEqual({ intervalMs: 1000, from: null, samples: [] });
    expect(await house.api("GET", "/v1/jobs/none/measurements")).toMatchObject({
      ...{ status: 404, body: { code: "JOB_NOT_FOUND" } },
    });
  });

  test("grows with every second, goes on after a restart, and is there when the job has ended", async () => {
    await using house = await House.open();
    const agent = await house.agent({ agentId: "a", modern: {} });
    const { id } = await house.submit();
    await house.jobIn(id, "RUNNING");
    const audio = { intervalMs: 100, peaksDbfs: [[-20, -6.5]], rmsDbfs: [-30, -31] };
    const progress = { fps: 25, bitrateKbps: 4000, speed: 1, droppedFrames: 3, onAir: "program", audio };
    await report(house, agent, id, { ...progress, cpuPercent: 80.5, memoryMiB: 120, alarms: ["silent"] }, 2);
    const before = await chartOf(house, id);
    expect(before).toMatchObject({ intervalMs: 1000, from: before.samples[0]?.at });
    expect(before.samples[0]).toMatchObject({
      ...{ fps: 25, fpsMin: 25, fpsMax: 25, bitrateKbps: 4000, speed: 1, droppedFrames: 3, cpuPercent: 80.5 },
      ...{ memoryMiB: 120, viewers: null, peakDbfs: -6.5, onAir: "program", alarms: ["silent"] },
    });

    await house.stop();
    await house.start();
    const { epoch } = await house.job(id);
    const back = await house.agent({ agentId: "a", modern: { activeJobs: [{ jobId: id, status: "RUNNING", epoch }] } });
    const again = await chartOf(house, id);
    expect(again.samples.slice(0, -1)).toEqual(before.samples.slice(0, again.samples.length - 1));
    await report(house, back, id, { fps: 30, droppedFrames: 4 }, again.samples.length + 2);
    const later = await chartOf(house, id);
    expect([later.from, fpsOf(later)[0], fpsOf(later).at(-1)]).toEqual([before.from, 25, 30]);
    expect(later.samples.reduce((sum, sample) => sum + (sample?.droppedFrames ?? 0), 0)).toBe(4);

    back.stopped(id);
    await house.jobIn(id, "STOPPED");
    const ended = await chartOf(house, id);
    await house.stop();
    await house.start();
    expect(await chartOf(house, id)).toEqual(ended);
    expect(fpsOf(ended)).toEqual(fpsOf(later));
  });

  test("is written while the job runs, so that a killed orchestrator has lost the last of it at most", async () => {
    await using house = await House.open({ measurementsEveryMs: 50 });
    const agent = await house.agent({ agentId: "a", modern: {} });
    const { id } = await house.submit();
    await house.jobIn(id, "RUNNING");
    await report(house, agent, id, { fps: 25 }, 1);
    const copies = await temporaryFolder();
    try {
      // What a power cut leaves is on the disk at any moment.
      await waitFor(async () => {
        const dataDir = copies.file(crypto.randomUUID());
        await cp(house.dataDir, dataDir, { recursive: true });
        await using other = await House.open({ dataDir });
        return fpsOf(await chartOf(other, id)).length > 0 || undefined;
      });
    } finally {
      await copies.remove();
    }
  });

  test("goes with its job", async () => {
    await using house = await House.open({ retention: { jobsMs: 1, everyMs: 20 } });
    const agent = await house.agent({ agentId: "a", modern: {} });
    const { id } = await house.submit();
    await house.jobIn(id, "RUNNING");
    await report(house, agent, id, { fps: 25 }, 1);
    agent.stopped(id);
    await waitFor(async () => (await house.api("GET", `/v1/jobs/${id}`)).status === 404 || undefined);
    await house.stop();
    expect(countRows(house)).toBe(0);
  });
});
