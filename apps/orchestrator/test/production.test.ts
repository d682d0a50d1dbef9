import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { request } from "node:https";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ConfigError } from "@stream-control/service-kit";
import {
  CertificateAuthority,
  freePort,
  type TemporaryFolder,
  temporaryFolder,
  waitFor,
} from "@stream-control/test-kit";
import { loadConfig } from "../src/config.js";
import { Service } from "./service.js";

const STRONG = randomBytes(32).toString("hex");
const production = {
  NODE_ENV: "production",
  AGENT_TOKEN: STRONG,
  SECRETS_KEY: STRONG,
  ALLOWED_ORIGINS: "https://admin.example.com",
};

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

describe("production", () => {
  test("does not start with the default token and open origins: exit 78, both named, what to do, no secret", async () => {
    await using service = Service.spawn({
      DATA_DIR: folder.file("refused"),
      NODE_ENV: "production",
      ALLOWED_ORIGINS: "*",
    });
    expect(await service.ended).toEqual({ code: 78, signal: null });
    expect(service.output).toContain("(1) AGENT_TOKEN is weak");
    expect(service.output).toContain("ALLOW_WEAK_AGENT_TOKEN=true");
    expect(service.output).toContain("(2) ALLOWED_ORIGINS=*");
    expect(service.output).toContain("ALLOW_ANY_ORIGIN=true");
    expect(service.output).toContain("(3) SECRETS_KEY is not given");
    expect(service.output).toContain("SECRETS_KEY_IN_DATA_DIR=true");
    expect(service.output).not.toContain("dev-shared-token");
  });

  test("starts with what was said in words, and warns of what is rarely meant", async () => {
    const port = String(await freePort());
    await using service = await Service.start({
      ...{ PORT: port, DATA_DIR: folder.file("in-words"), NODE_ENV: "production", ALLOWED_ORIGINS: "*" },
      ...{ ALLOW_WEAK_AGENT_TOKEN: "true", ALLOW_ANY_ORIGIN: "true", SECRETS_KEY_IN_DATA_DIR: "true" },
    });
    expect(service.output).toContain("Connections are not encrypted");
    const { headers } = await fetch(`${service.url}/healthz`, { headers: { origin: "https://any.example" } });
    expect(headers.get("access-control-allow-origin")).toBe("*");
  });

  test("counts every caller by default, also on this machine; development does not", async () => {
    const rates = (env: Record<string, string>) => loadConfig(env).orchestrator.door?.rates;
    expect(rates(production)).toEqual({ readsPerMinute: 6000, writesPerMinute: 3000, exceptLoopback: false });
    expect(rates({})).toEqual({ readsPerMinute: 6000, writesPerMinute: 3000, exceptLoopback: true });
    expect(rates({ RATE_LIMIT_PER_MINUTE: "0" })).toMatchObject({ readsPerMinute: 0, writesPerMinute: 0 });
  });

  test.each([
    [{ TRUSTED_PROXIES: "10.0.0.0/8, somewhere" }, 'TRUSTED_PROXIES: "somewhere"'],
    [{ ALLOWED_ORIGINS: "admin.example.com" }, 'ALLOWED_ORIGINS: "admin.example.com"'],
    [{ TLS_CERT_FILE: "/tls.crt" }, "TLS needs both TLS_CERT_FILE and TLS_KEY_FILE"],
    [{ TLS_CLIENT_CA_FILE: "/ca.crt" }, "TLS needs both TLS_CERT_FILE and TLS_KEY_FILE"],
    [{ TLS_MIN_VERSION: "1.0" }, "TLS_MIN_VERSION"],
  ])("with %j does not start", (env, named) => {
    const thrown = (() => {
      try {
        return loadConfig({ ...production, ...env });
      } catch (error) {
        return error;
      }
    })();
    expect(thrown).toBeInstanceOf(ConfigError);
    expect((thrown as Error).message).toContain(named);
  });
});

test("with TLS the service takes a renewed certificate at SIGHUP, and at the latest some seconds later by itself", async () => {
  const authority = await CertificateAuthority.create();
  const renew = async (commonName: string) => {
    const { cert, key } = await authority.issue({ commonName });
    await writeFile(folder.file("tls.crt"), cert);
    await writeFile(folder.file("tls.key"), key, { mode: 0o600 });
  };
  await renew("first");
  const port = await freePort();
  await using service = Service.spawn({
    ...{ PORT: String(port), DATA_DIR: folder.file("tls"), AGENT_TOKEN: STRONG },
    ...{ TLS_CERT_FILE: folder.file("tls.crt"), TLS_KEY_FILE: folder.file("tls.key") },
  });
  const health = async () => {
    const call = request(`https://127.0.0.1:${port}/healthz`, { ca: authority.cert, agent: false }).end();
    const [response] = await once(call, "response");
    response.resume();
    return response.statusCode === 200;
  };
  const shown = async () => {
    const socket = connect({ port, host: "127.0.0.1", ca: authority.cert });
    await once(socket, "secureConnect");
    const subject = socket.getPeerX509Certificate()?.subject;
    socket.destroy();
    return subject;
  };
  await waitFor(health, { what: "the service to answer over TLS" });
  expect(await shown()).toBe("CN=first");
  await renew("second");
  service.signal("SIGHUP");
  await waitFor(async () => (await shown()) === "CN=second", { deadlineMs: 5000 });
  await renew("third");
  await waitFor(async () => (await shown()) === "CN=third");
  service.signal("SIGTERM");
  expect((await service.ended).code).toBe(0);
});
