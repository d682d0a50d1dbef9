import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ClientDuplexStream, credentials, loadPackageDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { describe, expect, test } from "@jest/globals";
import { FakeLiveKit, freePort, keepLog, secret, temporaryFolder, waitFor } from "@stream-control/test-kit";
import { loadConfig } from "../src/config.js";
import { House } from "./kit.js";

const LIVEKIT = { LIVEKIT_URL: "wss://x.livekit.cloud", LIVEKIT_API_KEY: "k", LIVEKIT_API_SECRET: "s" };

describe("the configuration", () => {
  test("needs LiveKit alone, and names what is wrong", () => {
    expect(loadConfig(LIVEKIT).livestream).toMatchObject({ port: 3000, grpcPort: 8001, accessControl: "loopback" });
    expect(() => loadConfig({ GRPC_PORT: "x" })).toThrow(
      /LIVEKIT_URL.*LIVEKIT_API_KEY.*LIVEKIT_API_SECRET|GRPC_PORT.*LIVEKIT_URL/s,
    );
    expect(() => loadConfig({ ...LIVEKIT, LIVEKIT_URL: "localhost" })).toThrow("LIVEKIT_URL");
    expect(() => loadConfig({ ...LIVEKIT, NODE_ENV: "production", ACCESS_CONTROL: "off" })).toThrow("ACCESS_CONTROL");
  });
});

test("the process serves by its variables, keeps its streams over a restart, ends in order, and says no secret", async () => {
  const livekit = await FakeLiveKit.start();
  await using folder = await temporaryFolder();
  const [port, grpcPort] = [await freePort(), await freePort()];
  const env = {
    ...{ LIVEKIT_URL: livekit.url, LIVEKIT_API_KEY: livekit.apiKey, DATA_DIR: folder.path },
    ...{
      LIVEKIT_API_SECRET: secret("livekit-secret", livekit.apiSecret),
      PORT: String(port),
      GRPC_PORT: String(grpcPort),
    },
  };
  const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));
  const start = async (variables: Record<string, string>) => {
    const child = spawn(process.execPath, [main], { env: variables, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += text));
    const ended = once(child, "exit").then(([code]) => {
      keepLog("livestream", output);
      return code as number;
    });
    return { child, ended, output: () => output };
  };
  const url = `http://127.0.0.1:${port}`;
  try {
    const first = await start(env);
    await waitFor(async () => (await fetch(`${url}/health`)).ok);
    const made = (await (await fetch(`${url}/streams`, { method: "POST" })).json()) as { id: string };
    first.child.kill("SIGTERM");
    expect(await first.ended).toBe(0);
    const second = await start(env);
    await waitFor(async () => (await fetch(`${url}/health`)).ok);
    expect(await (await fetch(`${url}/streams/${made.id}`)).json()).toEqual(made);
    second.child.kill("SIGTERM");
    expect(await second.ended).toBe(0);
    const wrong = await start({ ...env, LIVEKIT_URL: "" });
    expect(await wrong.ended).toBe(78);
    expect(wrong.output()).toContain("LIVEKIT_URL");
  } finally {
    await livekit.stop();
  }
});

test("every route wants the right that its table names, and LiveKit's a signature", async () => {
  let admin = "";
  await using house = await House.start({
    accessControl: "required",
    onFirstKey: (made) => {
      admin = secret("admin-key", made);
    },
  });
  const bearer = (key: string) => ({ Authorization: `Bearer ${key}` });
  const made = await house.ask<{ key: string }>(
    "POST",
    "/v1/keys",
    { name: "viewer", role: "viewer" },
    { headers: bearer(admin) },
  );
  const viewer = secret("viewer-key", made.body.key);
  const rules = house.services[0]?.routes.filter(({ path }) => /^\/(streams|events|webhooks)/.test(path)) ?? [];
  expect(rules).toHaveLength(12);
  for (const { method, path, rule } of rules) {
    const real = path.replace(/:\w+/g, "none");
    const body = method === "GET" || method === "DELETE" ? undefined : {};
    expect([path, (await house.ask(method, real, body)).status]).toEqual([path, 401]);
    if (rule.kind === "open") continue;
    const mayNot = rule.kind === "everywhere" && rule.role === "operator";
    expect(mayNot).toBe(method !== "GET");
    const { status } = await house.ask(method, real, body, { headers: bearer(viewer) });
    expect([method, path, status === 403]).toEqual([method, path, mayNot]);
  }
});

test("every request of the Postman collection is answered", async () => {
  await using house = await House.start();
  const file = new URL("../postman/Orchestrator.postman_collection.json", import.meta.url);
  const { item, variable } = JSON.parse(await readFile(file, "utf8")) as {
    variable: { key: string; value: string }[];
    item: {
      name: string;
      request: { method: string; url: string; header: { key: string; value: string }[]; body?: { raw: string } };
    }[];
  };
  const values = new Map(variable.map(({ key, value }) => [key, value]));
  values.set("baseUrl", house.url());
  const filled = (text: string) => text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => values.get(name) ?? "");
  for (const { name, request } of item) {
    const headers = Object.fromEntries(request.header.map(({ key, value }) => [key, filled(value)]));
    const { method, body } = request;
    const response = await fetch(filled(request.url), { method, headers, ...(body && { body: filled(body.raw) }) });
    const text = await response.text();
    expect([name, response.ok, text]).toEqual([name, true, text]);
    if (name === "Create a stream") values.set("streamId", (JSON.parse(text) as { id: string }).id);
  }
});

test("gRPC's reflection names the service, so that grpcurl needs no file", async () => {
  await using house = await House.start();
  const entry = dirname(fileURLToPath(import.meta.resolve("@grpc/reflection")));
  const proto = join(entry, "../proto/grpc/reflection/v1/reflection.proto");
  type Client = {
    ServerReflectionInfo(): ClientDuplexStream<object, { list_services_response: { service: { name: string }[] } }>;
    close(): void;
  };
  const { grpc } = loadPackageDefinition(loadSync(proto, { keepCase: true })) as unknown as {
    grpc: { reflection: { v1: { ServerReflection: new (...args: unknown[]) => Client } } };
  };
  const address = `127.0.0.1:${house.services[0]?.grpcPort}`;
  const client = new grpc.reflection.v1.ServerReflection(address, credentials.createInsecure());
  const call = client.ServerReflectionInfo();
  call.write({ list_services: "*" });
  const [reply] = (await once(call, "data")) as [{ list_services_response: { service: { name: string }[] } }];
  expect(reply.list_services_response.service.map(({ name }) => name)).toContain(
    "livestream.orchestrator.v1.StreamService",
  );
  call.end();
  client.close();
});
