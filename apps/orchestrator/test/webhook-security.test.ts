import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { createLogger } from "@stream-control/service-kit";
import { generateKey, KeyRing, parseKeys } from "@stream-control/service-kit/secrets";
import { CertificateAuthority, filesWith, freePort, secret, temporaryFolder, waitFor } from "@stream-control/test-kit";
import { loadConfig } from "../src/config.js";
import { GuardedHouse } from "./guarded-house.js";
import { call, House } from "./house.js";
import { runMain, Service } from "./service.js";
import { onSmallDisk } from "./small-disk.js";
import { QUICK } from "./webhook-house.js";
import { isSignedWith, type Received, Receiver } from "./webhook-receiver.js";

describe("what webhooks tell", () => {
  test("never are stream keys and passwords, however an agent says them", async () => {
    await using house = await House.open({ webhooks: QUICK });
    await using receiver = await Receiver.open();
    await house.api("POST", "/v1/webhooks", { url: receiver.url });
    const [key, password, said] = [secret("stream-key"), secret("camera-password"), secret("stream-key")];
    const inlineConfig = {
      source: { type: "rtsp", url: `rtsp://admin:${password}@127.0.0.1/1` },
      destinations: [{ type: "rtmp", url: "rtmp://127.0.0.1/live", streamKey: key }],
    };
    await using agent = await house.agent({ modern: {} });
    const { id } = await house.submit({ inlineConfig, streamMetadata: { title: `To ${key}` } });
    await house.jobIn(id, "RUNNING");
    agent.send("agent.job.event", {
      ...{ jobId: id, epoch: 1, type: "vendor.odd", message: `${key} at rtmp://h/live/${said}` },
      data: { streamKey: said, where: `rtsp://u:${password}@h/`, nested: [{ why: `because of ${key}` }] },
    });
    agent.fail(id, "FFMPEG_EXITED", `cannot push to rtmp://127.0.0.1/live/${key}`);
    await receiver.ofType("vendor.odd");
    await receiver.ofType("job.failed");
    const all = JSON.stringify(receiver.received);
    for (const one of [key, password, said]) expect(all).not.toContain(one);
    expect(all).toContain("[secret]");
  });

  test("is cut down where an agent says too much", async () => {
    await using house = await House.open({ webhooks: QUICK });
    await using receiver = await Receiver.open();
    await house.api("POST", "/v1/webhooks", { url: receiver.url, events: ["vendor.long"] });
    await using agent = await house.agent({ modern: {} });
    const { id } = await house.submit();
    await house.jobIn(id, "RUNNING");
    const event = { jobId: id, epoch: 1, type: "vendor.long", message: "Long." };
    agent.send("agent.job.event", { ...event, data: { text: "x".repeat(200_000) } });
    const [told] = await receiver.ofType("vendor.long");
    expect(told?.body.data).toMatchObject({ message: "Long.", truncated: true, job: { id } });
    expect(told?.body.data.data).toBeUndefined();
  });
});

describe("secrets and addresses of webhooks", () => {
  test("stand in no file, no log, no entry of the audit and no delivery", async () => {
    let logged = "";
    const write = (line: string) => {
      logged += line;
    };
    const logger = createLogger({ name: "o", level: "trace" }, { write });
    await using house = await House.open({ webhooks: QUICK, logger });
    await using receiver = await Receiver.open();
    const inPath = secret("webhook-address");
    const url = `${receiver.url}/${inPath}?token=${inPath}`;
    const { body: made } = await house.api("POST", "/v1/webhooks", { url });
    const key = secret("webhook-secret", made.secrets[0]);
    receiver.answers.push("cut", 500);
    await house.submit();
    await receiver.ofType("job.created", 3);
    await house.api("PUT", `/v1/webhooks/${made.id}`, { url: `${url}&x=1`, newSecret: true });
    await house.api("POST", `/v1/webhooks/${made.id}/test`);
    const shown = {
      deliveries: (await house.api("GET", `/v1/webhooks/${made.id}/deliveries`)).text,
      audit: (await house.api("GET", "/v1/audit?type=webhook.*")).text,
      logged,
      // Admins of the room are shown the address.
      webhook: (await house.api("GET", `/v1/webhooks/${made.id}`)).text.replaceAll(inPath, ""),
    };
    expect(shown.audit).toContain('"changed":["url","secrets"]');
    for (const [where, text] of Object.entries(shown))
      for (const one of [key, key.slice(6), inPath])
        expect({ where, leaks: text.includes(one) }).toEqual({ where, leaks: false });
    const files = [key, inPath];
    expect(await filesWith(house.dataDir, files)).toEqual([]);
    await house.stop();
    expect(await filesWith(house.dataDir, files)).toEqual([]);
  });

  test("go on when the key of the database is changed", async () => {
    const folder = await temporaryFolder();
    const [old, fresh] = [secret("encryption-key", generateKey()), secret("encryption-key", generateKey())];
    const open = (key: string) =>
      House.open({ webhooks: QUICK, dataDir: folder.path, keys: new KeyRing(parseKeys(key, "KEY")) });
    await using receiver = await Receiver.open();
    try {
      let known = { id: "", secrets: [""] };
      {
        await using house = await open(old);
        known = (await house.api("POST", "/v1/webhooks", { url: receiver.url })).body;
      }
      const rotated = await runMain(["secrets", "rotate"], { DATA_DIR: folder.path, SECRETS_KEY: `${fresh},${old}` });
      expect(rotated.output).toContain("webhooks: 1 of 1 rows");
      await using house = await open(fresh);
      expect((await house.api("POST", `/v1/webhooks/${known.id}/test`)).body.ok).toBe(true);
      expect(isSignedWith(known.secrets[0] ?? "", receiver.received[0] as Received)).toBe(true);
    } finally {
      await folder.remove();
    }
  });
});

describe("where webhooks are sent", () => {
  test("is refused outside the networks that are named, when it is said and at each connection", async () => {
    let meaning = ["127.0.0.1"];
    await using house = await House.open({
      webhooks: { ...QUICK, networks: ["127.0.0.1/32"], lookUp: async () => meaning },
    });
    await using receiver = await Receiver.open();
    const hidden = [
      "http://10.0.0.1/",
      "http://169.254.169.254/latest/",
      "http://0x0a000001/",
      "http://[::ffff:10.0.0.1]/",
    ];
    for (const url of hidden) {
      const answer = await house.api("POST", "/v1/webhooks", { url });
      expect(answer).toMatchObject({ status: 422, body: { details: [{ path: "url" }] } });
      expect(answer.body.error).toContain("WEBHOOK_NETWORKS");
    }
    const url = `http://rebound.example:${receiver.port}/`;
    const { body: hook } = await house.api("POST", "/v1/webhooks", { url, events: ["job.canceled"] });
    expect((await house.api("POST", `/v1/webhooks/${hook.id}/test`)).body.ok).toBe(true);
    expect(receiver.received[0]?.headers.host).toBe(`rebound.example:${receiver.port}`);
    // The name means another address now (DNS rebinding), and one of two is enough.
    meaning = ["127.0.0.1", "127.0.0.2"];
    expect((await house.api("POST", `/v1/webhooks/${hook.id}/test`)).body.delivery).toMatchObject({
      ...{ status: "failed", responseStatus: null },
      error: "The receiver's address may not be reached from here; WEBHOOK_NETWORKS says what may.",
    });
    expect((await house.api("PUT", `/v1/webhooks/${hook.id}`, { url: "http://10.0.0.1/" })).status).toBe(422);
    expect(receiver.received).toHaveLength(1);
  });

  test("must be an address of the web, without a user and a password", async () => {
    await using house = await House.open({ webhooks: QUICK });
    for (const url of ["ftp://h/", "file:///etc/passwd", "h", "http://u:p@h/", "https://u@h/", "", 7])
      expect((await house.api("POST", "/v1/webhooks", { url })).status).toBe(422);
    for (const events of [[], ["*.x"], ["a b"], [""], ["job.**"], "job.failed"])
      expect((await house.api("POST", "/v1/webhooks", { url: "http://127.0.0.1:1/", events })).status).toBe(422);
  });

  test("by default is the public internet and https in production, everything of ours in development", async () => {
    const strong = { AGENT_TOKEN: "c0ffee5a1ad0f7e57ed9b1a6d3e2f4a8", SECRETS_KEY_IN_DATA_DIR: "true" };
    const inProduction = { NODE_ENV: "production", ...strong };
    expect(loadConfig({}).orchestrator.webhooks).toMatchObject({
      ...{ networks: ["public", "private", "loopback"], plainHttp: true },
    });
    expect(loadConfig(inProduction).orchestrator.webhooks).toMatchObject({ networks: ["public"], plainHttp: false });
    const said = { WEBHOOK_NETWORKS: "public,192.168.7.0/24", ALLOW_PLAIN_WEBHOOKS: "true" };
    expect(loadConfig({ ...inProduction, ...said }).orchestrator.webhooks).toMatchObject({
      ...{ networks: ["public", "192.168.7.0/24"], plainHttp: true },
    });
    expect(() => loadConfig({ WEBHOOK_NETWORKS: "publik" })).toThrow(/WEBHOOK_NETWORKS: "publik" is neither/);
    const { webhooks } = loadConfig(inProduction).orchestrator;
    await using guarded = await GuardedHouse.open({ webhooks: { ...QUICK, ...webhooks, networks: ["any"] } });
    const status = async (url: string) =>
      (await guarded.admin.api("POST", "/v1/webhooks", { url, enabled: false })).status;
    expect(await status("http://192.0.2.7/")).toBe(422);
    expect(await status("https://192.0.2.7/")).toBe(201);
    for (const url of ["http://localhost:1/", "http://127.0.0.1:1/", "http://[::1]:1/"])
      expect(await status(url)).toBe(201);
  });

  test("by https is a receiver whose certificate is to be trusted, and no other", async () => {
    const folder = await temporaryFolder();
    const authority = await CertificateAuthority.create();
    await using trusted = await Receiver.open(await authority.issue({ commonName: "receiver" }));
    const stranger = await CertificateAuthority.create();
    await using other = await Receiver.open(await stranger.issue({ commonName: "receiver" }));
    const authorityFile = folder.file("authority.pem");
    await writeFile(authorityFile, authority.cert);
    try {
      await using service = await Service.start({
        ...{ PORT: String(await freePort()), DATA_DIR: folder.file("data"), NODE_EXTRA_CA_CERTS: authorityFile },
      });
      const api = (method: string, path: string, body?: unknown) => call(service.url, method, path, body);
      const { body: hook } = await api("POST", "/v1/webhooks", { url: trusted.url, events: ["job.created"] });
      await api("POST", "/v1/jobs", { inlineConfig: { kind: "test" } });
      const [told] = await trusted.ofType("job.created");
      expect(told !== undefined && isSignedWith(hook.secrets[0], told)).toBe(true);
      await api("PUT", `/v1/webhooks/${hook.id}`, { url: other.url });
      const { body } = await api("POST", `/v1/webhooks/${hook.id}/test`);
      expect(body.delivery.error).toMatch(/certificate is not to be trusted/);
      expect(other.received).toEqual([]);
    } finally {
      await folder.remove();
    }
  });
});

describe("a process that is killed", () => {
  test("with events on their way sends every one of them when it is back", async () => {
    const folder = await temporaryFolder();
    await using receiver = await Receiver.open();
    const env = async () => ({ PORT: String(await freePort()), DATA_DIR: folder.file("data") });
    const jobs: string[] = [];
    try {
      {
        await using service = await Service.start(await env());
        await call(service.url, "POST", "/v1/webhooks", { url: receiver.url, events: ["job.created"] });
        receiver.usually = "hang";
        const submitted = Array.from({ length: 30 }, () =>
          call(service.url, "POST", "/v1/jobs", { inlineConfig: { kind: "test" } }),
        );
        for (const { body } of await Promise.all(submitted)) jobs.push(body.id);
        await receiver.ofType("job.created");
        service.signal("SIGKILL");
        await service.ended;
      }
      receiver.usually = 204;
      await using _service = await Service.start(await env());
      await waitFor(() => new Set(receiver.received.map(({ body }) => body.data.jobId)).size === jobs.length);
      await receiver.ofType("job.created", 31);
      const ids = receiver.received.map(({ headers }) => headers["webhook-id"]);
      // The one that was on its way has been sent twice, under the same id.
      expect([ids.length, new Set(ids).size]).toEqual([31, 30]);
      expect(receiver.received.map(({ body }) => body.data.seq)).toEqual(
        receiver.received.map(({ body }) => body.data.seq).sort((a, b) => a - b),
      );
    } finally {
      await folder.remove();
    }
  });
});

describe("a full disk", () => {
  test("makes no receiver be told again of what it took: what came of a try is written as soon as there is space", async () => {
    const folder = await temporaryFolder();
    await using receiver = await Receiver.open();
    try {
      const env = { PORT: String(await freePort()), DATA_DIR: folder.path };
      await using service = await Service.start(env, onSmallDisk(folder.path, 24));
      const api = (method: string, path: string, body?: unknown) => call(service.url, method, path, body);
      const submit = (size = 0) => api("POST", "/v1/jobs", { inlineConfig: { note: "x".repeat(size) } });
      const { body: hook } = await api("POST", "/v1/webhooks", { url: receiver.url, events: ["job.canceled"] });
      receiver.usually = "hang";
      await api("POST", `/v1/jobs/${(await submit()).body.id}/stop`);
      await receiver.ofType("job.canceled");
      const onDisk = (name: string) => join(`/proc/${service.pid}/root`, folder.path, name);
      await writeFile(onDisk("filler"), Buffer.alloc(20 * 1024 * 1024));
      const isFull = (size: number) => waitFor(async () => (await submit(size)).status === 503, { everyMs: 0 });
      await isFull(200_000);
      await writeFile(onDisk("rest"), Buffer.alloc(8 * 1024 * 1024)).catch(() => undefined);
      for (const size of [200_000, 20_000, 0]) await isFull(size);
      // Space that was written in vain may be used again: this is the smallest write that there is.
      const privacy = () => api("PUT", "/v1/config/stream-privacy", { privacy: "private" });
      await waitFor(async () => (await privacy()).status === 503, { everyMs: 0 });
      receiver.release();
      receiver.usually = 204;
      await waitFor(() => service.output.split("a webhook could not be worked on").length > 2);
      for (const name of ["filler", "rest"]) await rm(onDisk(name));
      await waitFor(async () => {
        const { items } = (await api("GET", `/v1/webhooks/${hook.id}/deliveries`)).body;
        return items[0].status === "delivered";
      });
      await api("POST", `/v1/jobs/${(await submit()).body.id}/stop`);
      await receiver.ofType("job.canceled", 2);
      expect(receiver.received).toHaveLength(2);
    } finally {
      await folder.remove();
    }
  }, 60_000);
});
