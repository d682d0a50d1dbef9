import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { freePort, measured, temporaryFolder, waitFor } from "@stream-control/test-kit";
import { call } from "./house.js";
import { SeedAgent } from "./seed-agent.js";
import { Service } from "./service.js";
import { onSmallDisk } from "./small-disk.js";

const MIB = 1024 * 1024;

test("a full disk: nothing acknowledged is lost, callers are told to try again, and it goes on when there is space", async () => {
  const folder = await temporaryFolder();
  const port = await freePort();
  const env = { PORT: String(port), DATA_DIR: folder.path, AGENT_TOKEN: "secret", HEARTBEAT_INTERVAL_MS: "200" };
  try {
    await using service = await Service.start(env, onSmallDisk(folder.path, 24));
    const api = (method: string, path: string, body?: unknown) => call(service.url, method, path, body);
    const status = async (id: string) => (await api("GET", `/v1/jobs/${id}`)).body.status;
    const agentUrl = `ws://127.0.0.1:${port}/agent`;
    await using agent = await SeedAgent.connect(agentUrl, { modern: {} });
    const running = (await api("POST", "/v1/jobs", { inlineConfig: {} })).body.id;
    await waitFor(async () => (await status(running)) === "RUNNING");

    // Something else takes the space, until there is almost none; then the jobs take the rest.
    const filler = join(`/proc/${service.pid}/root`, folder.path, "filler");
    await writeFile(filler, Buffer.alloc(20 * MIB));
    const acknowledged: string[] = [];
    const submit = async (size = 200_000) => {
      const answer = await api("POST", "/v1/jobs", { inlineConfig: { note: "x".repeat(size) } });
      if (answer.status === 201) acknowledged.push(answer.body.id);
      return answer;
    };
    const refused = await waitFor(
      async () => {
        const answer = await submit();
        return answer.status === 201 ? undefined : answer;
      },
      { everyMs: 0 },
    );
    expect(acknowledged.length).toBeGreaterThan(0);
    expect([refused.status, refused.body.code]).toEqual([503, "STORE_UNAVAILABLE"]);
    expect(refused.body.error).toContain("the disk is full");
    expect(refused.headers.get("retry-after")).toBe("2");
    // To the last page.
    const rest = join(`/proc/${service.pid}/root`, folder.path, "rest");
    await expect(writeFile(rest, Buffer.alloc(8 * MIB))).rejects.toMatchObject({ code: "ENOSPC" });

    // What it knows can still be read; what it is told is refused, and not half in force.
    for (const id of acknowledged) expect(await status(id)).toBe("PENDING");
    const setDrain = (drain: boolean) => api("POST", `/v1/agents/${agent.agentId}/drain`, { drain });
    // Space that was written in vain may be used again: ever smaller writes take it up.
    for (const size of [200_000, 20_000, 0])
      await waitFor(async () => (await submit(size)).status === 503, { everyMs: 0 });
    await waitFor(async () => (await setDrain(false)).status === 503, { everyMs: 0 });
    const drain = await setDrain(true);
    expect([drain.status, drain.body.code]).toEqual([503, "STORE_UNAVAILABLE"]);
    expect((await api("GET", `/v1/agents/${agent.agentId}`)).body.drain).toBe(false);
    // Jobs wait and an agent is free: giving them to it is tried again in a measured way, not all the time.
    const output = service.output.length;
    await using idle = await SeedAgent.connect(agentUrl, { agentId: "idle", modern: {} });
    await waitFor(() => service.output.slice(output).split("an assignment failed").length > 3);
    expect(service.output.split("\n").length).toBeLessThan(200);
    expect(idle.assignments).toEqual([]);
    // The end of a job cannot be recorded: its agent is not told that it was, and is to come back.
    agent.stopped(running);
    expect(await agent.closed).toMatchObject({ code: 1013 });
    expect(await status(running)).toBe("RUNNING");
    expect(agent.ofType("orchestrator.job.settled")).toEqual([]);

    for (const file of [filler, rest]) await rm(file);
    const freedAt = performance.now();
    await idle.assignment();
    measured("its disk is full", { from: freedAt, to: performance.now() });
    await using back = await SeedAgent.connect(agentUrl, { modern: { activeJobs: [] }, drain: true });
    back.send("agent.job.stopped", { jobId: running, status: "STOPPED", epoch: 1 });
    await back.next("orchestrator.job.settled", ({ jobId }) => jobId === running);
    expect(await status(running)).toBe("STOPPED");
    expect((await submit()).status).toBe(201);
    const jobs = (await api("GET", "/v1/jobs")).body.map(({ id }: { id: string }) => id);
    for (const id of acknowledged) expect(jobs).toContain(id);
    service.signal("SIGTERM");
    expect((await service.ended).code).toBe(0);
  } finally {
    await folder.remove();
  }
});
