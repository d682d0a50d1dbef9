import { resolve } from "node:path";
import { expect, test } from "@jest/globals";
import { ConfigError } from "@stream-control/service-kit";
import { agentConfig } from "../src/config.js";

/** What an agent in production needs at least. */
const PRODUCTION = { NODE_ENV: "production", AGENT_TOKEN: "k3Zq8vYw1TnRb6Lm0xHd" };

const machine = { hostname: "encoder-7", cores: 5, tmpdir: "/tmp" };

test("the defaults are derived from the machine", () => {
  const config = agentConfig({ DATA_DIR: "/data" }, machine);
  expect(config).toMatchObject({
    orchestratorUrl: "ws://localhost:8080/agent",
    credentials: { token: "dev-shared-token", tokenFile: undefined },
    room: undefined,
    name: "encoder-7",
    slots: 2,
    dataDir: "/data",
    outputDirs: ["/data/media", "/tmp"],
    inputDirs: ["/data/media", "/tmp"],
    ffmpegPath: "ffmpeg",
    drain: false,
    stopJobsOnExit: false,
  });
  expect(agentConfig({}, { ...machine, cores: 1 }).slots).toBe(1);
  expect(config.allowedProtocols).toContain("srt");
});

test("files may be read where they may be written, unless said otherwise", () => {
  expect(agentConfig({ OUTPUT_DIRS: "/a, /b" }, machine)).toMatchObject({
    outputDirs: ["/a", "/b"],
    inputDirs: ["/a", "/b"],
  });
  expect(agentConfig({ OUTPUT_DIRS: "/a", INPUT_DIRS: "/c" }, machine)).toMatchObject({
    outputDirs: ["/a"],
    inputDirs: ["/c"],
  });
});

test("programs given by a path are found from wherever a runner works", () => {
  const { ffmpegPath, ffprobePath } = agentConfig({ FFMPEG_PATH: "bin/ffmpeg", FFPROBE_PATH: "ffprobe-7" }, machine);
  expect(ffmpegPath).toBe(resolve("bin/ffmpeg"));
  expect(ffprobePath).toBe("ffprobe-7");
});

test("runners get what ffmpeg needs of the environment, and no secret", () => {
  const { childEnv } = agentConfig({ PATH: "/bin", HOME: "/root", AGENT_TOKEN: "secret", OTHER: "x" }, machine);
  expect(childEnv).toMatchObject({ PATH: "/bin", HOME: "/root" });
  expect(JSON.stringify(childEnv)).not.toContain("secret");
  expect(childEnv).not.toHaveProperty("OTHER");
  const aws = { AWS_SECRET_ACCESS_KEY: "secret", S3_BUCKET: "results", AWS_REGION: "eu-west-1" };
  const withBucket = agentConfig({ PATH: "/bin", AGENT_TOKEN: "token", ...aws }, machine);
  // Runners find credentials as this process does; no ffmpeg is told of them, nor of a bucket that results don't go to.
  expect(withBucket.runnerEnv).toMatchObject({ PATH: "/bin", AWS_SECRET_ACCESS_KEY: "secret" });
  expect(JSON.stringify([withBucket.childEnv, withBucket.renders])).not.toContain("secret");
  expect(withBucket.runnerEnv).not.toHaveProperty("AGENT_TOKEN");
  const without = agentConfig({ ...aws, S3_BUCKET: "" }, machine);
  expect([without.renders.store.kind, without.runnerEnv]).toEqual(["folder", without.childEnv]);
});

test("jobs may reach the room's network everywhere, and this machine's services in development only", () => {
  const networks = (env: Record<string, string>) => agentConfig(env, machine).reach.networks;
  expect(networks({})).toEqual(["public", "private", "loopback"]);
  expect(networks({ NODE_ENV: "test" })).toEqual(["public", "private", "loopback"]);
  expect(networks(PRODUCTION)).toEqual(["public", "private"]);
  expect(networks({ ...PRODUCTION, ALLOWED_NETWORKS: "public, 10.1.0.0/16" })).toEqual(["public", "10.1.0.0/16"]);
  expect(agentConfig({}, machine).reach.dnsServers).toBeUndefined();
  expect(agentConfig({ DNS_SERVERS: "10.0.0.1:5353,[fd00::1]:53,fd00::2" }, machine).reach.dnsServers).toHaveLength(3);
});

test("an allow-list or a name server that cannot be read stops the start", () => {
  for (const [name, value, words] of [
    ["ALLOWED_NETWORKS", "public,intranet", '"intranet" is neither'],
    ["ALLOWED_NETWORKS", "10.0.0.0/40", '"10.0.0.0/40" is neither'],
    ["DNS_SERVERS", "dns.example", "must be addresses"],
    ["DNS_SERVERS", "10.0.0.1:", "must be addresses"],
  ] as const)
    expect(() => agentConfig({ [name]: value }, machine)).toThrow(words);
});

test("in production a well-known token and an open line to another machine stop the start, unless they are wanted in words", () => {
  const start = (env: Record<string, string>) => () => agentConfig({ NODE_ENV: "production", ...env }, machine);
  const plain = { ORCHESTRATOR_URL: "ws://control.example:8080/agent" };
  expect(start({})).toThrow(/AGENT_TOKEN is weak: .*ALLOW_WEAK_AGENT_TOKEN=true/);
  expect(start(plain)).toThrow(
    /\(1\) ORCHESTRATOR_URL is not encrypted.*ALLOW_PLAIN_CONNECTION=true.*\(2\) AGENT_TOKEN is weak/,
  );
  expect(start({ ...PRODUCTION, ...plain })).toThrow("wss:");
  for (const env of [
    { ...plain, ALLOW_PLAIN_CONNECTION: "true", ALLOW_WEAK_AGENT_TOKEN: "true" },
    { ORCHESTRATOR_URL: "wss://control.example/agent", AGENT_TOKEN_FILE: "/run/token" },
    { ORCHESTRATOR_URL: "wss://control.example/agent", TLS_CERT_FILE: "/a.crt", TLS_KEY_FILE: "/a.key" },
    ...["localhost", "127.0.0.1", "[::1]"].map((host) => ({ ...PRODUCTION, ORCHESTRATOR_URL: `ws://${host}:1/agent` })),
  ])
    expect(start(env)).not.toThrow();
  expect(() => agentConfig(plain, machine)).not.toThrow();
});

test("variables that contradict each other stop the start", () => {
  for (const [env, words] of [
    [{ AGENT_TOKEN: "a", AGENT_TOKEN_FILE: "/run/token" }, "take one of them away"],
    [{ ORCHESTRATOR_URL: "wss://h/agent", TLS_CERT_FILE: "/a.crt" }, "go together"],
    [{ TLS_CA_FILE: "/ca.crt" }, "for a wss: address"],
    [{ ROOM: "no such\nroom" }, "ROOM"],
  ] as const)
    expect(() => agentConfig(env, machine)).toThrow(words);
});

test("everything that is wrong is named at once", () => {
  const env = { ORCHESTRATOR_URL: "http://x", SLOTS: "0", MAX_RESOLUTION: "big", ALLOWED_PROTOCOLS: "rtmp,gopher" };
  try {
    agentConfig(env, machine);
    throw new Error("The config was taken.");
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(ConfigError);
    for (const name of Object.keys(env)) expect(String(thrown)).toContain(name);
  }
});
