import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { freePort, type TemporaryFolder, temporaryFolder, waitFor } from "@stream-control/test-kit";
import { loadConfig } from "../src/config.js";
import { Settings } from "../src/configuration/settings.js";
import { call, House } from "./house.js";
import { Service } from "./service.js";

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

const written = async (name: string, json: unknown): Promise<string> => {
  await writeFile(folder.file(name), JSON.stringify(json));
  return folder.file(name);
};
const configured = (env: Record<string, string>) => ({
  configuration: loadConfig(env).orchestrator.configuration ?? {},
});

describe("the configuration", () => {
  test("has defaults, the file above them, what was set above that, and the environment on top", async () => {
    const file = await written("layers.json", {
      orchestration: { maxConcurrentJobs: 60, priorityWeights: { high: 30 } },
      loadBalancing: { strategy: "weighted" },
    });
    await using house = await House.open(configured({ CONFIG_FILE: file, LOAD_BALANCING_STRATEGY: "round_robin" }));
    const { body, headers } = await house.api("GET", "/api/v1/config");
    expect(headers.get("etag")).toBe('"0"');
    expect(body).toMatchObject({
      version: 0,
      updatedAt: null,
      orchestration: { maxConcurrentJobs: 60, priorityWeights: { low: 1, normal: 2, high: 30, critical: 4 } },
      loadBalancing: { strategy: "round_robin" },
      sources: {
        "orchestration.maxConcurrentJobs": { layer: "file", variable: "MAX_CONCURRENT_JOBS", default: 50, file: 60 },
        "orchestration.priorityWeights.low": { layer: "default", default: 1 },
        "loadBalancing.strategy": { layer: "environment", file: "weighted", environment: "round_robin" },
      },
    });
    const changed = await house.api("PUT", "/api/v1/config", {
      orchestration: { maxConcurrentJobs: 7 },
      loadBalancing: { strategy: "least_connections" },
    });
    expect(changed.body).toMatchObject({
      version: 1,
      orchestration: { maxConcurrentJobs: 7 },
      loadBalancing: { strategy: "round_robin" },
      sources: { "orchestration.maxConcurrentJobs": { layer: "runtime", file: 60, runtime: 7 } },
      overridden: [{ path: "loadBalancing.strategy", variable: "LOAD_BALANCING_STRATEGY" }],
    });
    // What was kept for later counts once the variable is gone, and outlives restarts.
    await house.stop();
    await house.start(configured({ CONFIG_FILE: file }));
    expect((await house.api("GET", "/api/v1/config")).body).toMatchObject({
      version: 1,
      orchestration: { maxConcurrentJobs: 7 },
      loadBalancing: { strategy: "least_connections" },
    });
    const back = await house.api("PUT", "/api/v1/config", { orchestration: null, loadBalancing: { strategy: null } });
    expect(back.body).toMatchObject({
      orchestration: { maxConcurrentJobs: 60 },
      loadBalancing: { strategy: "weighted" },
    });
  });

  test("names every mistake of a change at once, and changes nothing then", async () => {
    await using house = await House.open();
    const wrong = await house.api("PUT", "/api/v1/config", {
      orchestration: { maxConcurrentJobs: -1, defaultTimeout: "soon", priorityWeights: { low: 0 } },
      loadBalancing: { strategy: "magic", nonsense: 1 },
      resilience: { retryEnabled: false },
    });
    expect(wrong).toMatchObject({ status: 422, body: { error: "INVALID_REQUEST", retryable: false } });
    const paths = wrong.body.details.map(({ path }: { path: string }) => path).sort();
    expect(paths).toEqual([
      "loadBalancing",
      "loadBalancing.strategy",
      "orchestration.defaultTimeout",
      "orchestration.maxConcurrentJobs",
      "orchestration.priorityWeights.low",
    ]);
    const { body } = await house.api("GET", "/api/v1/config");
    expect(body).toMatchObject({ version: 0, resilience: { retryEnabled: true } });
  });

  test("is changed from the version that was read, by ETag or by field", async () => {
    await using house = await House.open();
    const put = (body: object, headers = {}) => house.api("PUT", "/api/v1/config", body, headers);
    const first = await put({ resilience: { retryEnabled: false } }, { "If-Match": '"0"' });
    expect(first.headers.get("etag")).toBe('"1"');
    expect(await put({ resilience: { retryEnabled: true } }, { "If-Match": '"0"' })).toMatchObject({
      status: 412,
      body: { error: "PRECONDITION_FAILED", details: { version: 1 } },
    });
    expect(await put({ version: 0, resilience: { retryEnabled: true } })).toMatchObject({
      status: 409,
      body: { error: "VERSION_CONFLICT" },
    });
    expect((await put({}, { "If-Match": "three" })).status).toBe(400);
    // A whole answer may be sent back: what is in force already is no change.
    const { body } = await house.api("GET", "/api/v1/config");
    expect((await put(body)).body.version).toBe(1);
    body.analytics.enabled = false;
    expect((await put(body)).body).toMatchObject({ version: 2, analytics: { enabled: false } });
    expect((await put(body)).status).toBe(409);
  });

  test("leaves an entry in the event log of every change, with who made it and what was there before", async () => {
    await using house = await House.open();
    await house.api("PUT", "/api/v1/config", { orchestration: { maxConcurrentJobs: 3 } });
    await house.api("PUT", "/api/v1/config", { orchestration: { maxConcurrentJobs: 4 } });
    await house.api("PUT", "/api/v1/config", { orchestration: { maxConcurrentJobs: 4 } });
    const { body } = await house.api("GET", "/v1/audit?type=configuration.changed");
    expect(body.items.map(({ data }: { data: object }) => data)).toEqual([
      { version: 2, changes: { "orchestration.maxConcurrentJobs": { from: 3, to: 4 } } },
      { version: 1, changes: { "orchestration.maxConcurrentJobs": { from: null, to: 3 } } },
    ]);
    expect(body.items[0].actor).toBeTruthy();
  });

  test("is read from its file anew where that has changed, and a wrong file changes nothing", async () => {
    const file = await written("reload.json", { orchestration: { maxConcurrentJobs: 1 } });
    const PORT = String(await freePort());
    await using service = await Service.start({ PORT, DATA_DIR: folder.file("reload"), CONFIG_FILE: file });
    const limit = async (): Promise<number> =>
      (await call(service.url, "GET", "/api/v1/config")).body.orchestration.maxConcurrentJobs;
    expect(await limit()).toBe(1);
    await written("reload.json", { orchestration: { maxConcurrentJobs: 2 } });
    service.signal("SIGHUP");
    await waitFor(async () => (await limit()) === 2);
    await written("reload.json", { orchestration: { maxConcurrentJobs: "many" } });
    service.signal("SIGHUP");
    await waitFor(() => service.output.includes("orchestration.maxConcurrentJobs"));
    expect(await limit()).toBe(2);
  });

  test("stops the start where the file is wrong, is named and missing, or a variable is wrong", async () => {
    const file = await written("wrong.json", {
      orchestration: { defaultTimeout: 1 },
      resources: { optimizationInterval: "x" },
    });
    await expect(House.open(configured({ CONFIG_FILE: file }))).rejects.toThrow(
      /orchestration\.defaultTimeout.*resources\.optimizationInterval/s,
    );
    await expect(House.open(configured({ CONFIG_FILE: folder.file("none.json") }))).rejects.toThrow(/none\.json/);
    const variables = {
      MAX_CONCURRENT_JOBS: "-1",
      PRIORITY_WEIGHTS: "low=0",
      FAILOVER_THRESHOLD: "2",
      RETRY_ENABLED: "si",
    };
    for (const name of Object.keys(variables)) expect(() => loadConfig(variables)).toThrow(name);
  });
});

test("settings tell their listeners of what has changed in force, and of nothing else", () => {
  const settings = new Settings({ environment: new Map([["loadBalancing.strategy", "weighted"]]) });
  const heard: string[] = [];
  settings.onChange((now, before) =>
    heard.push(`${before.orchestration.maxConcurrentJobs} ${now.orchestration.maxConcurrentJobs}`),
  );
  settings.change({ runtime: new Map([["loadBalancing.strategy", "ai_driven"]]) });
  settings.change({ runtime: new Map([["orchestration.maxConcurrentJobs", 5]]) });
  expect(heard).toEqual(["50 5"]);
  expect(settings.current.loadBalancing.strategy).toBe("weighted");
});
