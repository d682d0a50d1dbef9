import { Writable } from "node:stream";
import { describe, expect, test } from "@jest/globals";
import { createLogger } from "@stream-control/service-kit";
import { secret } from "@stream-control/test-kit";
import { House } from "./house.js";

describe("an agent that repeats its job's secrets in everything it says", () => {
  test("is told on with none of them: not in the job, its log, its lines, the answers, the sockets or the log file", async () => {
    let logged = "";
    const logger = createLogger(
      { name: "test", level: "trace" },
      new Writable({
        write(line, _, done) {
          logged += String(line);
          done();
        },
      }),
    );
    await using house = await House.open({ logger });
    await using page = await house.page();
    const [key, added, password] = [secret("stream-key"), secret("stream-key"), secret("camera-password")];
    // As it might stand in a sentence, in an address of any kind, and in one with percent signs.
    const words = (one: string) => `cannot push ${one} to rtmp://h/live/${one}?a=${one}, nor vendor://u:${one}@h/%53`;
    const said = `${words(key)} ${words(password)}`;
    const detail = { fault: "destination", lastLines: [said], deep: [{ note: said }] };
    const job = {
      restartPolicy: "never",
      inlineConfig: {
        source: { type: "rtsp", url: `rtsp://u:${password}@h/1` },
        destinations: [{ type: "rtmp", url: "rtmp://h/live", streamKey: key }],
      },
    };

    await using declining = await house.agent({
      agentId: "declining",
      onAssign: (agent, assignment) =>
        agent.ack(assignment, { accepted: false, error: { code: "BUSY", message: said, detail } }),
    });
    const { id } = await house.submit(job);
    await house.jobWhere(id, ({ passedOver }) => JSON.stringify(passedOver ?? "").includes("cannot push"), "declined");
    const waiting = await house.job(id);
    await declining.cut();

    await using agent = await house.agent({ features: ["destinations"], modern: {} });
    const { epoch } = await house.jobIn(id, "RUNNING");
    const destinations = [{ id: "main", type: "rtmp", state: "RETRYING", target: said, message: said }];
    agent.update(id, "RUNNING", { progress: { destinations } });
    agent.send("agent.job.log", { jobId: id, level: "warn", message: said });
    agent.send("agent.job.event", {
      jobId: id,
      epoch,
      type: "stream.odd",
      message: said,
      data: { ...detail, streamKey: key },
    });
    agent.send("agent.error", { code: "ODD", message: said, jobId: id });
    agent.send("agent.error", { code: "ODD", message: `rtsp://u:${password}@h/1 failed`, detail: { password } });
    await agent.roundTrip();
    const running = await house.jobWhere(id, ({ progress }) => progress !== null, "measured");
    const lines = await house.api("GET", `/v1/jobs/${id}/logs`);

    // The destination's key is not the job's yet when the agent refuses it.
    const asked = house.api("POST", `/v1/jobs/${id}/destinations`, {
      destination: { type: "rtmp", url: "rtmp://h/live", streamKey: added },
    });
    const { payload } = await agent.next("orchestrator.job.destination.add");
    const { commandId } = payload as { commandId: string };
    const error = { code: "NO", message: words(added), detail: { why: words(added) } };
    agent.send("agent.job.command.ack", { jobId: id, commandId, success: false, error });
    const refused = await asked;
    expect(refused.status).toBe(422);

    agent.stopped(id, "FAILED", {
      error: { code: "STREAMING_FAILED", message: said, detail },
      progress: { destinations },
    });
    const failed = await house.jobIn(id, "FAILED");
    const events = await house.eventsOf(id);
    expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(["stream.odd", "agent.error", "job.failed"]));
    expect(failed.error.message).toContain("cannot push [secret] to rtmp://h/live/[secret]?[secret]");
    const agents = (await house.api("GET", "/v1/agents")).text;

    const without = ({ inlineConfig: _, ...rest }: { inlineConfig?: unknown }) => rest;
    const pages = page.received.map(({ type, payload: told }) => ({
      type,
      told: Array.isArray(told) ? told.map(without) : without(told as object),
    }));
    const shown = { waiting: without(waiting), running: without(running), failed: without(failed) };
    const told = { ...shown, lines: lines.text, refused: refused.text, events, agents, pages, logged };
    for (const [where, text] of Object.entries(told))
      for (const one of [key, added, password])
        expect({ where, leaks: JSON.stringify(text).includes(one) }).toEqual({ where, leaks: false });
  });

  test("knows of none of them less after a restart, and of a key that the job has no longer", async () => {
    await using house = await House.open();
    const key = secret("stream-key");
    const config = { kind: "vendor", outputs: [{ "rtmp-stream-key": key }] };
    const { id } = await house.submit({ inlineConfig: config });
    const options = { agentId: "a", modern: { activeJobs: [{ jobId: id, status: "RUNNING", epoch: 1 }] } };
    await using first = await house.agent({ agentId: "a", modern: {} });
    await house.jobIn(id, "RUNNING");
    await house.stop();
    await first.cut();
    await house.start();
    await using agent = await house.agent(options);
    agent.send("agent.job.log", { jobId: id, level: "info", message: `the key is ${key}` });
    agent.send("agent.job.event", { jobId: id, epoch: 1, type: "vendor.odd", message: `the key is ${key}` });
    await agent.roundTrip();
    const lines = await house.api("GET", `/v1/jobs/${id}/logs`);
    expect(lines.body).toMatchObject([{ message: "the key is [secret]" }]);
    const [before, now] = [secret("stream-key"), secret("stream-key")];
    for (const streamKey of [before, now])
      await house.api("PUT", `/v1/jobs/${id}/metadata`, { youtube: { streamKey } });
    agent.send("agent.job.log", { jobId: id, level: "info", message: `${before} was replaced by ${now}` });
    await agent.roundTrip();
    expect((await house.api("GET", `/v1/jobs/${id}/logs`)).body[1].message).toBe("[secret] was replaced by [secret]");
    expect((await house.eventsOf(id)).find(({ type }) => type === "vendor.odd")?.message).toBe("the key is [secret]");
  });
});
