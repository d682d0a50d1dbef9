import { describe, expect, test } from "@jest/globals";
import { temporaryFolder, waitFor } from "@stream-control/test-kit";
import { House } from "./house.js";

const RENDER = { width: 64, height: 48, elements: [{ type: "shape", duration: 1 }] };
const SOON = { Prefer: "respond-async" };

/** Takes what it is given and ends it at the test's word. */
const PATIENT = { slots: 1, features: ["renders"] };
const LIMIT_OF_TWO = { environment: new Map([["orchestration.maxConcurrentJobs", 2]]) };

describe("priorities", () => {
  test("share the slots that come free by their weights: urgent work is not blocked, and low work does not starve", async () => {
    await using house = await House.open();
    const submitted = new Map<string, string>();
    for (const priority of ["low", "normal", "high", "critical"])
      for (let n = 0; n < 5; n += 1) submitted.set((await house.submit({ priority })).id, priority);
    const agent = await house.agent(PATIENT);
    const order: string[] = [];
    for (let n = 0; n < 20; n += 1) {
      const { jobId } = await agent.assignment(n);
      order.push(submitted.get(jobId) ?? "?");
      agent.stopped(jobId);
    }
    const first = order.slice(0, 10);
    expect(["low", "normal", "high", "critical"].map((lane) => first.filter((given) => given === lane).length)).toEqual(
      [1, 2, 3, 4],
    );
    expect(order[0]).toBe("critical");
    expect(order.filter((lane) => lane === "low")).toHaveLength(5);
  });

  test("are shown, listed and kept; a job without one is normal, and one that does not exist is refused", async () => {
    await using house = await House.open();
    const urgent = await house.submit({ priority: "critical" });
    const plain = await house.submit();
    expect([urgent.priority, plain.priority]).toEqual(["critical", "normal"]);
    const listed = await house.api("GET", "/v1/jobs?limit=10&priority=high,critical");
    expect(listed.body.items.map(({ id }: { id: string }) => id)).toEqual([urgent.id]);
    expect((await house.api("POST", "/v1/jobs", { inlineConfig: {}, priority: "urgent" })).status).toBe(422);
    await house.stop();
    await house.start();
    const agent = await house.agent(PATIENT);
    expect((await agent.assignment()).jobId).toBe(urgent.id);
  });

  test("a job that is started again keeps its place in its lane", async () => {
    await using house = await House.open({ restart: { maxRestarts: 3, baseMs: 1, maxMs: 2, goodRunMs: 60_000 } });
    const agent = await house.agent(PATIENT);
    const first = await house.submit({ restartPolicy: "onFailure" });
    await house.jobIn(first.id, "RUNNING");
    const others = [await house.submit(), await house.submit()];
    agent.send("agent.job.stopped", {
      ...{ jobId: first.id, status: "FAILED" },
      error: { code: "SOURCE_LOST", message: "The camera is gone." },
    });
    // The slot goes to the next one during the pause; after that it is the older one's turn again.
    const second = (await agent.assignment(1)).jobId;
    await house.jobWhere(
      first.id,
      ({ status, notBefore }) => status !== "PENDING" || notBefore !== null,
      "queued again",
    );
    await house.jobWhere(first.id, (job) => job.status !== "PENDING" || /busy/.test(job.pendingReason), "ready again");
    agent.stopped(second);
    const third = (await agent.assignment(2)).jobId;
    if (second === first.id) expect(third).toBe(others[0].id);
    else expect([second, third]).toEqual([others[0].id, first.id]);
  });
});

describe("the limit of renders", () => {
  test("keeps slots free for streams, says why a render waits, and lets the next one in when one has ended", async () => {
    await using folder = await temporaryFolder();
    await using house = await House.open({ mediaDir: folder.path, configuration: LIMIT_OF_TWO });
    const agent = await house.agent({ ...PATIENT, slots: 4 });
    for (const id of ["a", "b", "c"]) await house.api("POST", "/api/v1/orchestrate", { ...RENDER, id }, SOON);
    const [, second] = [(await agent.assignment(0)).jobId, (await agent.assignment(1)).jobId];
    const stream = await house.submit();
    expect((await agent.assignment(2)).jobId).toBe(stream.id);
    const waiting = (await house.api("GET", "/api/v1/jobs/c/status")).body;
    expect(waiting.status).toBe("queued");
    expect(waiting.message).toContain("MAX_CONCURRENT_JOBS allows (2)");
    // It also counts what went on while the orchestrator was away.
    await house.stop();
    await house.start();
    const active = [0, 1, 2].map((n) => ({ jobId: agent.assignments[n]?.jobId ?? "", status: "RUNNING", epoch: 1 }));
    const again = await house.agent({ ...PATIENT, slots: 4, modern: { activeJobs: active } });
    await house.jobIn(second, "RUNNING");
    await waitFor(async () => /MAX_CONCURRENT/.test((await house.api("GET", "/api/v1/jobs/c/status")).body.message), {
      what: "c to wait for the others",
    });
    expect(again.assignments).toEqual([]);
    again.stopped(second);
    const { payload } = await again.next("orchestrator.assign.start");
    expect(payload.config.request.id).toBe("c");
  });
});
