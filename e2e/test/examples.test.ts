import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { JobDetail } from "@stream-control/protocol";
import { waitFor } from "@stream-control/test-kit";
import { Room } from "./room.js";

const examples = fileURLToPath(new URL("../../examples/", import.meta.url));

/** A started program and what it has printed so far. */
interface Running {
  child: ChildProcess;
  output: string;
}

/** Programs that follow a socket never end by themselves; they are ended here. */
function start(command: string, args: string[], cwd: string): Running {
  const child = spawn(command, args, { cwd, env: { PATH: process.env.PATH, PYTHONUNBUFFERED: "1" } });
  const running: Running = { child, output: "" };
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      running.output += text;
    });
  return running;
}

async function end({ child }: Running): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

describe("the published examples, unchanged but for the port", () => {
  let room: Room;
  let agent: Running;
  /** Inside the example's own folder, because that is where its dependencies are found. */
  let folder: string;

  const withPort = (text: string) => text.replaceAll("localhost:8080", `127.0.0.1:${room.port}`);
  const jobOf = async (key: string): Promise<JobDetail> => {
    const jobs = (await (await fetch(`${room.url}/v1/jobs`)).json()) as JobDetail[];
    const job = jobs.find(({ idempotencyKey }) => idempotencyKey === key);
    if (job === undefined) throw new Error(`There is no job with the key ${key}.`);
    return job;
  };

  beforeAll(async () => {
    room = await Room.open();
    folder = await mkdtemp(join(examples, "clients", "run-"));
    const own = join(examples, "third-party-agent");
    agent = start(process.execPath, ["agent.mjs", `ws://127.0.0.1:${room.port}/agent`, "dev-shared-token"], own);
    await waitFor(async () => (await room.agents()).some(({ state }) => state === "IDLE"), { what: "the agent" });
  });
  afterAll(async () => {
    await end(agent);
    await rm(folder, { recursive: true });
    await room.close();
  });

  it("are answered request by request", async () => {
    const send = async (name: string, id = "") => {
      const text = await readFile(join(examples, "clients/http", `${name}.http`), "utf8");
      const [head = "", ...body] = text.trim().split(/\n\n/);
      const [method = "", path = ""] = (head.split("\n")[0] ?? "").split(" ");
      const response = await fetch(room.url + path.replace(":id", id), {
        method,
        ...(body.length === 0 ? {} : { headers: { "Content-Type": "application/json" }, body: body.join("\n\n") }),
      });
      return { status: response.status, body: (await response.json()) as Record<string, never> & JobDetail };
    };
    const answered = new Set(await readdir(join(examples, "clients/http")));
    const expectStatus = async (name: string, status: number, id?: string) => {
      const answer = await send(name, id);
      expect({ name, status: answer.status }).toEqual({ name, status });
      answered.delete(`${name}.http`);
      return answer.body;
    };

    expect(await expectStatus("health-check", 200)).toMatchObject({ ok: true });
    expect(await expectStatus("list-agents", 200)).toMatchObject([{ id: "example-agent", state: "IDLE" }]);
    const { id } = await expectStatus("submit-job", 201);
    // The second example has the key of the first: it is the same job.
    expect(await expectStatus("submit-job-inline", 200)).toMatchObject({ id, templateId: "stream-template-1" });
    const titled = await expectStatus("submit-job-with-stream-context", 201);
    expect(titled.streamMetadata?.title).toMatch(
      /^Tournament - Draw 3 - Sheet A \(Team Alpha v\. Team Beta\) - \d+\/\d+\/\d{4}$/,
    );
    expect(titled.streamMetadata?.description).toBe(
      "This is an automated live stream created by the Stream Control system. Streaming tournament. Watch Team Alpha vs Team Beta live! Catch all the action from Sheet A. Join us for an exciting broadcast!",
    );
    expect(await expectStatus("list-jobs", 200)).toHaveLength(2);
    await room.until(id, "RUNNING");
    expect(await expectStatus("get-job-details", 200, id)).toMatchObject({ id, agentId: "example-agent" });
    await expectStatus("update-stream-metadata", 200, id);
    expect(await expectStatus("get-stream-metadata", 200, id)).toMatchObject({
      metadata: { title: "My Live Stream", viewers: 1234, streamId: "abc123" },
    });
    expect(await expectStatus("mute-job", 202, id)).toMatchObject({ ok: true, job: { id } });
    await waitFor(async () => (await room.job(id)).streamMetadata?.isMuted === true, { what: "the mute" });
    await expectStatus("unmute-job", 202, id);
    await waitFor(async () => (await room.job(id)).streamMetadata?.isMuted === false, { what: "the unmute" });
    expect(await expectStatus("set-agent-drain-mode", 200, "example-agent")).toMatchObject({
      ok: true,
      agent: { id: "example-agent", drain: true, state: "DRAINING" },
    });
    expect(await expectStatus("stop-job", 202, id)).toMatchObject({ ok: true, job: { id } });
    await room.until(id, "STOPPED");
    // Draining: the job with a title waits, and says why.
    expect((await room.job(titled.id)).pendingReason).toContain("draining");
    await room.post("/v1/agents/example-agent/drain", { drain: false });
    await room.until(titled.id, "RUNNING");
    await room.stop(titled.id);
    expect([...answered]).toEqual([]);
  });

  it("serve the Node client", async () => {
    await writeFile(
      join(folder, "client.mts"),
      withPort(await readFile(join(examples, "clients/node-client.mts"), "utf8")),
    );
    const client = start(process.execPath, ["client.mts"], folder);
    try {
      await waitFor(() => client.output.includes("Job created:") && client.output.includes("Update:"), {
        what: "its output",
      });
      const job = await waitFor(async () => {
        const found = await jobOf("my-job-123");
        return found.streamMetadata?.title === "My Awesome Stream" ? found : undefined;
      });
      expect(job.inlineConfig).toEqual({ streamUrl: "rtmp://example.com/live", outputFormat: "mp4" });
      await room.until(job.id, "RUNNING");
      await waitFor(() => client.output.includes("RUNNING"), { what: "the update of the job" });
      await room.stop(job.id);
    } finally {
      await end(client);
    }
  });

  it("serve the Python client", async () => {
    const file = join(folder, "client.py");
    await writeFile(file, withPort(await readFile(join(examples, "clients/python-client.py"), "utf8")));
    const client = start("/usr/bin/python3", [file], folder);
    try {
      await waitFor(() => client.output.includes("Job created:") && client.output.includes("Update:"), {
        what: "its output",
        deadlineMs: 30_000,
      });
      const job = await jobOf("python-job-123");
      expect(job.streamMetadata).toMatchObject({ title: "Python Stream", platform: "custom" });
      await room.until(job.id, "RUNNING");
      await room.stop(job.id);
    } finally {
      await end(client);
    }
  });

  it("take a job by an agent of ten lines on the protocol package", async () => {
    await end(agent);
    const tenLines = join(examples, "third-party-agent", "ten-lines.ts");
    const small = start(
      process.execPath,
      [tenLines, `ws://127.0.0.1:${room.port}/agent`],
      join(examples, "third-party-agent"),
    );
    try {
      const { id } = await room.submit({ inlineConfig: { anything: "goes" } });
      await room.until(id, "STOPPED");
    } finally {
      await end(small);
    }
  });
});
