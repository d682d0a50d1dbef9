import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { assertPortFree } from "../lib/port.mjs";
import { isRunnerOf, readSettings, serviceSpecs } from "../lib/services.mjs";
import { ROOT } from "../lib/workspace.mjs";

describe("the settings of `pnpm start`", () => {
  test("stand without any variable", () => {
    expect(readSettings({})).toEqual({
      port: 8080,
      dataDir: join(ROOT, "data"),
      mediaDir: join(ROOT, "data/media"),
      logDir: join(ROOT, "data/logs"),
      url: "http://localhost:8080",
    });
  });

  test("follow PORT, DATA_DIR and MEDIA_DIR; a blank one counts as unset", () => {
    expect(readSettings({ PORT: "9000", DATA_DIR: "/tmp/a", MEDIA_DIR: " " })).toMatchObject({
      port: 9000,
      dataDir: "/tmp/a",
      mediaDir: "/tmp/a/media",
    });
    expect(readSettings({ MEDIA_DIR: "/srv/media" }).mediaDir).toBe("/srv/media");
  });

  test.each(["0", "65536", "-1", "80a", "8080.5"])("PORT=%s is refused", (PORT) => {
    expect(() => readSettings({ PORT })).toThrow("PORT must be a whole number");
  });
});

describe("what the services are given", () => {
  const settings = readSettings({ PORT: "9000", DATA_DIR: "/tmp/a" });

  test("they meet on one port, keep their data apart and share the media folder", () => {
    const { orchestrator, agent } = serviceSpecs(settings, { PATH: "", AGENT_TOKEN: "t" });
    expect(orchestrator.env).toEqual({
      PATH: "",
      AGENT_TOKEN: "t",
      PORT: "9000",
      DATA_DIR: "/tmp/a/orchestrator",
      MEDIA_DIR: "/tmp/a/media",
    });
    expect(agent.env).toEqual({
      PATH: "",
      AGENT_TOKEN: "t",
      AGENT_ID: "local-agent",
      AGENT_NAME: "Agent on this machine",
      ORCHESTRATOR_URL: "ws://127.0.0.1:9000/agent",
      DATA_DIR: "/tmp/a/agent",
      OUTPUT_DIRS: `/tmp/a/media,${tmpdir()}`,
      INPUT_DIRS: `/tmp/a/input,/tmp/a/media,${tmpdir()}`,
      STOP_JOBS_ON_EXIT: "true",
    });
  });

  test("the agent gets longer to stop than its jobs get to end", () => {
    expect(serviceSpecs(settings, { PATH: "" }).agent.stopTimeoutMs).toBe(30_000);
    expect(serviceSpecs(settings, { STOP_GRACE_MS: "60000", KILL_AFTER_MS: "x" }).agent.stopTimeoutMs).toBe(80_000);
  });

  test("a runner is told from a stranger by program and folder", () => {
    expect(isRunnerOf("node /x/dist/runner/runner-main.js /tmp/a/agent/jobs/1", "/tmp/a")).toBe(true);
    expect(isRunnerOf("node /x/dist/runner/runner-main.js /tmp/b/agent/jobs/1", "/tmp/a")).toBe(false);
    expect(isRunnerOf("tail -f /tmp/a/agent/log", "/tmp/a")).toBe(false);
  });
});

describe("the port", () => {
  test("that is taken is named together with the way out", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    try {
      await expect(assertPortFree(port)).rejects.toThrow(
        `Port ${port} is in use: stop what listens there, or set PORT to another one`,
      );
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
    await expect(assertPortFree(port)).resolves.toBeUndefined();
  });
});
