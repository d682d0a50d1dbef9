import { expect, test } from "@jest/globals";
import { freePort, temporaryFolder, waitFor } from "@stream-control/test-kit";
import { call } from "./house.js";
import { SeedAgent } from "./seed-agent.js";
import { Service } from "./service.js";
import { Receiver } from "./webhook-receiver.js";
import { RENDERER, RenderDesk, stepOf } from "./workflow-kit.js";

test("an orchestrator that is killed at every step of a workflow does none of them twice", async () => {
  await using folder = await temporaryFolder();
  await using receiver = await Receiver.open();
  receiver.answers.push("hang");
  const env = {
    ...{ PORT: String(await freePort()), DATA_DIR: folder.file("data"), MEDIA_DIR: folder.file("media") },
    ...{ AGENT_TOKEN: "secret", LOG_LEVEL: "error" },
  };
  let service = await Service.start(env);
  let agent: SeedAgent | undefined;
  try {
    const desk = new RenderDesk((...request) => call(service.url, ...request), folder.file("media"));
    const killed: string[] = [];
    /** Kills the orchestrator at a step, and lets its agent come back with the job that it has. */
    const killAt = async (id: string, step: string, job?: string) => {
      await desk.untilStep(id, step, "running");
      service.signal("SIGKILL");
      await service.ended;
      killed.push(step);
      const assignments = agent?.assignments ?? [];
      await agent?.cut();
      service = await Service.start(env);
      if (job !== undefined) {
        const activeJobs = [{ jobId: job, status: "RUNNING", epoch: 1 }];
        agent = await SeedAgent.connect(`ws://127.0.0.1:${service.port}/agent`, {
          ...RENDERER,
          modern: { activeJobs },
        });
        agent.assignments.push(...assignments);
        agent.update(job, "RUNNING");
      }
      // It is at the step where it was. The callback is made again at once, and may have been taken by now.
      if (step !== "notify") expect(stepOf(await desk.untilStep(id, step, "running"), step)?.attempts).toHaveLength(1);
    };

    const id = await desk.ask("film", { template: "balanced_async", callback_url: receiver.url });
    await killAt(id, "queue");
    agent = await SeedAgent.connect(`ws://127.0.0.1:${service.port}/agent`, { ...RENDERER, modern: {} });
    const job = await desk.take(agent);
    for (const [step, reported] of Object.entries({
      ...{ download: "downloading", analyze: "probing", process: "rendering", qa: "checking", upload: "publishing" },
    })) {
      desk.report(agent, job, reported, 10);
      await killAt(id, step, job);
    }
    await desk.finish(agent, job);
    await waitFor(() => receiver.received.length === 1, { what: "the callback" });
    await killAt(id, "notify");
    const ended = await desk.until(id, ({ status }) => status === "completed");

    expect(killed).toEqual(["queue", "download", "analyze", "process", "qa", "upload", "notify"]);
    expect(ended.steps.map(({ name, status, attempts }) => [name, status, attempts.length])).toEqual(
      ended.steps.map(({ name }) => [name, "completed", 1]),
    );
    const jobs = (await call(service.url, "GET", "/v1/jobs")).body;
    expect(jobs.map(({ epoch, status }: { epoch: number; status: string }) => [epoch, status])).toEqual([
      [1, "STOPPED"],
    ]);
    // The one call that was under way when the process died was made again, and its receiver can tell.
    expect(receiver.received.map(({ headers }) => headers["webhook-id"])).toEqual([
      receiver.received[0]?.headers["webhook-id"],
      receiver.received[0]?.headers["webhook-id"],
    ]);
  } finally {
    await agent?.cut();
    await service[Symbol.asyncDispose]();
  }
}, 120_000);
