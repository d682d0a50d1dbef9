import { chmod } from "node:fs/promises";
import { describe, expect, test } from "@jest/globals";
import { generateKey } from "@stream-control/service-kit/secrets";
import { freePort, measured, secret, temporaryFolder } from "@stream-control/test-kit";
import { call } from "./house.js";
import { SocketClient } from "./inbox.js";
import { SeedAgent } from "./seed-agent.js";
import { Service } from "./service.js";

const env = async (dataDir: string, more: Record<string, string> = {}) => ({
  PORT: String(await freePort()),
  DATA_DIR: dataDir,
  AGENT_TOKEN: "secret",
  ...more,
});

/** The last lines that a process wrote, without those that are JSON: what a person reads who started it by hand. */
const sentences = (output: string) => output.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("{"));

describe("SIGKILL in the middle of a hundred submissions", () => {
  test("loses none that was answered, and sending all again makes no doubles", async () => {
    const folder = await temporaryFolder();
    try {
      const variables = await env(folder.path, { LOG_LEVEL: "error" });
      const answered = new Map<string, string>();
      const submit = async (url: string, n: number) => {
        const key = `job-${n}`;
        const { status, body } = await call(url, "POST", "/v1/jobs", {
          inlineConfig: { n },
          ...(n % 2 === 0 ? { idempotencyKey: key } : {}),
        });
        return { key, status, body };
      };
      await using first = await Service.start(variables);
      const submissions = Array.from({ length: 100 }, async (_, n) => {
        try {
          const { key, status, body } = await submit(first.url, n);
          if (status !== 201) throw new Error(`It was answered with ${status}.`);
          answered.set(key, body.id);
          if (answered.size === 30) first.signal("SIGKILL");
        } catch (error) {
          // Cut off: such a submission may or may not have been stored.
          if (answered.size < 30) throw error;
        }
      });
      await Promise.all(submissions);
      expect((await first.ended).signal).toBe("SIGKILL");

      const startedAt = performance.now();
      await using second = await Service.start(variables);
      const stored = new Map(
        (await call(second.url, "GET", "/v1/jobs")).body.map((job: { id: string }) => [job.id, job]),
      );
      measured("killed in the middle of submissions", { from: startedAt, to: performance.now() });
      expect(answered.size).toBeGreaterThanOrEqual(30);
      for (const id of answered.values()) expect(stored.has(id)).toBe(true);

      for (let n = 0; n < 100; n += 2) {
        const { key, status, body } = await submit(second.url, n);
        expect(status).toBe(stored.has(body.id) ? 200 : 201);
        if (answered.has(key)) expect(body.id).toBe(answered.get(key));
      }
      const after = (await call(second.url, "GET", "/v1/jobs")).body as { idempotencyKey: string | null }[];
      const keys = after.flatMap(({ idempotencyKey }) => (idempotencyKey === null ? [] : [idempotencyKey]));
      expect(keys).toHaveLength(50);
      expect(new Set(keys).size).toBe(50);
    } finally {
      await folder.remove();
    }
  });
});

describe("SIGTERM", () => {
  test("tells the sockets 1001, exits with 0, and what was acknowledged is there after the next start", async () => {
    const folder = await temporaryFolder();
    try {
      const variables = await env(folder.path);
      await using service = await Service.start(variables);
      await using agent = await SeedAgent.connect(`${service.url.replace("http", "ws")}/agent`);
      await using page = await SocketClient.open(`${service.url.replace("http", "ws")}/ui`);
      const { body } = await call(service.url, "POST", "/v1/jobs", { inlineConfig: {} });
      await page.next("ui.job.update", ({ status }) => status === "RUNNING");
      service.signal("SIGTERM");
      expect(await agent.closed).toMatchObject({ code: 1001 });
      expect(await page.closed).toMatchObject({ code: 1001 });
      expect(await service.ended).toEqual({ code: 0, signal: null });
      await using again = await Service.start(variables);
      expect((await call(again.url, "GET", `/v1/jobs/${body.id}`)).body.status).toBe("RUNNING");
      again.signal("SIGINT");
      expect((await again.ended).code).toBe(0);
    } finally {
      await folder.remove();
    }
  });
});

describe("a start that cannot succeed", () => {
  test("for wrong variables exits with 78 and names all of them, but no value", async () => {
    const token = secret("agent-token");
    const folder = await temporaryFolder();
    try {
      await using service = Service.spawn({
        DATA_DIR: folder.path,
        PORT: "seventy-thousand",
        AGENT_TOKEN: token.repeat(1000),
        HEARTBEAT_INTERVAL_MS: "3s",
        HEARTBEAT_TIMEOUT_MS: "-1",
        STOP_GRACE_MS: "1.5",
        KILL_AFTER_MS: "0x10",
        NODE_ENV: "staging",
        LOG_LEVEL: "loud",
        STREAM_TIME_ZONE: "Mars/Olympus",
      });
      expect(await service.ended).toEqual({ code: 78, signal: null });
      for (const name of [
        "PORT",
        "AGENT_TOKEN",
        "HEARTBEAT_INTERVAL_MS",
        "HEARTBEAT_TIMEOUT_MS",
        "STOP_GRACE_MS",
        "KILL_AFTER_MS",
        "NODE_ENV",
        "LOG_LEVEL",
        "STREAM_TIME_ZONE",
      ])
        expect(service.output).toContain(`${name}: `);
      for (const value of [token, "seventy-thousand", "Mars"]) expect(service.output).not.toContain(value);
      expect(sentences(service.output)).toHaveLength(1);
    } finally {
      await folder.remove();
    }
  });

  test("for a timeout that is not longer than the interval says so", async () => {
    await using service = Service.spawn({ HEARTBEAT_INTERVAL_MS: "3000", HEARTBEAT_TIMEOUT_MS: "3000" });
    expect((await service.ended).code).toBe(78);
    expect(service.output).toContain("HEARTBEAT_TIMEOUT_MS must be greater than HEARTBEAT_INTERVAL_MS");
  });

  test("on a data folder in use says so, and leaves the first one alone", async () => {
    const folder = await temporaryFolder();
    try {
      await using first = await Service.start(await env(folder.path));
      await using second = Service.spawn(await env(folder.path));
      expect((await second.ended).code).toBe(1);
      expect(sentences(second.output)).toEqual([
        expect.stringMatching(
          /orchestrator\.db is in use by another process\. Stop that one, or .* another DATA_DIR\.$/,
        ),
      ]);
      expect((await call(first.url, "POST", "/v1/jobs", { inlineConfig: {} })).status).toBe(201);
    } finally {
      await folder.remove();
    }
  });

  test("on a data folder that cannot be written says so", async () => {
    const folder = await temporaryFolder();
    try {
      await chmod(folder.path, 0o500);
      // Root may write everywhere but where the kernel itself says no.
      const dataDir = process.getuid?.() === 0 ? "/sys/stream-control" : folder.path;
      await using keyless = Service.spawn(await env(dataDir));
      expect((await keyless.ended).code).toBe(78);
      expect(sentences(keyless.output)).toEqual([
        expect.stringMatching(
          /^The key file .*secrets\.key cannot be made \(E\w+\)\. Check that its folder may be written/,
        ),
      ]);
      const variables = await env(dataDir, { SECRETS_KEY: generateKey() });
      const startedAt = performance.now();
      await using service = Service.spawn(variables);
      expect((await service.ended).code).toBe(1);
      measured("its data folder is read-only, in use, or its port taken", { from: startedAt, to: performance.now() });
      expect(sentences(service.output)).toEqual([
        expect.stringMatching(
          /orchestrator\.db cannot be opened: .* Check that its folder exists and may be written\.$/,
        ),
      ]);
    } finally {
      await chmod(folder.path, 0o700);
      await folder.remove();
    }
  });

  test("on a port in use says so", async () => {
    const folder = await temporaryFolder();
    const other = await temporaryFolder();
    try {
      await using first = await Service.start(await env(folder.path));
      await using second = Service.spawn(await env(other.path, { PORT: String(first.port) }));
      expect((await second.ended).code).toBe(1);
      expect(sentences(second.output)).toEqual([expect.stringContaining(String(first.port))]);
    } finally {
      await folder.remove();
      await other.remove();
    }
  });
});

describe("secrets", () => {
  test("never reach the log, whatever an agent or a client sends", async () => {
    const folder = await temporaryFolder();
    try {
      await using service = await Service.start(
        await env(folder.path, { AGENT_TOKEN: "t0p-t0ken", LOG_LEVEL: "trace" }),
      );
      const url = `${service.url.replace("http", "ws")}/agent`;
      await using wrong = await SeedAgent.dial(url, { token: "wr0ng-t0ken" });
      wrong.hello();
      await wrong.closed;
      await using broken = await SeedAgent.dial(url, { token: "t0p-t0ken" });
      broken.hello({ name: 7 });
      await broken.closed;
      await using agent = await SeedAgent.connect(url, { token: "t0p-t0ken" });
      const { body } = await call(service.url, "POST", "/v1/jobs", {
        inlineConfig: { streamUrl: "rtmp://user:passw0rd@example.com/live/str3am-key" },
        streamMetadata: { youtube: { streamUrl: "rtmp://a.example/live2", streamKey: "y0utube-key" } },
      });
      await call(service.url, "POST", "/v1/jobs", `{"inlineConfig": "str3am-key"`);
      const { jobId } = await agent.assignment();
      agent.fail(jobId);
      agent.send("agent.job.update", { jobId, status: "passw0rd" });
      await agent.next("orchestrator.error");
      await call(service.url, "GET", `/v1/jobs/${body.id}`);
      service.signal("SIGTERM");
      expect((await service.ended).code).toBe(0);
      expect(service.output).toContain("an agent connected");
      for (const secret of ["t0p-t0ken", "wr0ng-t0ken", "passw0rd", "str3am-key", "y0utube-key"])
        expect(service.output).not.toContain(secret);
    } finally {
      await folder.remove();
    }
  });
});
