import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "@jest/globals";
import { silentLogger } from "@stream-control/service-kit";
import { generateKey, KeyRing, OWN_KEY_FILE, parseKeys } from "@stream-control/service-kit/secrets";
import { openStore, sql } from "@stream-control/store";
import { filesWith, freePort, secret, temporaryFolder } from "@stream-control/test-kit";
import { rotate } from "../src/secrets/rotation.js";
import { migrations } from "../src/store/migrations.js";
import { openDatabase } from "../src/store/open.js";
import type { Tables } from "../src/store/tables.js";
import { fillPlain, fillSealed } from "./filled-database.js";
import { House } from "./house.js";
import { runMain, Service } from "./service.js";

/** A key that must show up nowhere. */
const newKey = () => secret("encryption-key", generateKey());
const ringOf = (...keys: string[]) => new KeyRing(keys.flatMap((key) => parseKeys(key, "KEY")));

/** Everything that can keep a secret, in every form of it. */
function requests() {
  const [key, passphrase, camera, youtube, token, vendor] = [
    ...["stream-key", "passphrase", "camera-password", "stream-key", "token", "vendor"].map((kind) => secret(kind)),
  ] as [string, string, string, string, string, string];
  const inlineConfig = {
    source: { type: "rtsp", url: `rtsp://admin:${camera}@localhost/1` },
    destinations: [
      { type: "rtmp", url: "rtmp://localhost/live", streamKey: key },
      { type: "srt", url: "srt://localhost:9", passphrase },
    ],
  };
  return {
    secrets: [key, passphrase, camera, youtube, token, vendor],
    inlineConfig,
    job: {
      inlineConfig,
      streamMetadata: { youtube: { streamUrl: "rtmp://localhost/live", streamKey: youtube } },
      metadata: { webhook: { secret: token }, unknown: [vendor] },
    },
  };
}

describe("secrets in the database", () => {
  test("stand in no file of the data folder, while it runs and after, and are there for whoever may have them", async () => {
    await using house = await House.open();
    const { secrets, job, inlineConfig } = requests();
    const { id } = await house.submit(job);
    await house.api("POST", "/v1/templates", { id: "cameras", name: "Cameras", config: inlineConfig });
    const overrides = { configOverrides: { destinations: inlineConfig.destinations } };
    const fromTemplate = await house.submit({ inlineConfig: null, templateId: "cameras", ...overrides });
    await house.api("PUT", `/v1/templates/cameras`, { name: "Other cameras", config: inlineConfig });
    await house.api("PUT", `/v1/jobs/${id}/metadata`, { title: "T", youtube: job.streamMetadata.youtube });
    expect(await filesWith(house.dataDir, secrets)).toEqual([]);
    await house.stop();
    expect(await filesWith(house.dataDir, secrets)).toEqual([]);

    await house.start();
    expect(await house.job(id)).toMatchObject({
      inlineConfig,
      metadata: job.metadata,
      streamMetadata: job.streamMetadata,
    });
    expect((await house.api("GET", "/v1/templates/cameras")).body.config).toEqual(inlineConfig);
    await using agent = await house.agent({ slots: 2 });
    expect((await agent.assignmentOf(id)).config).toEqual(inlineConfig);
    expect((await agent.assignmentOf(fromTemplate.id)).config).toEqual(inlineConfig);
  });

  test("of an older database are encrypted at the first start, and nothing of the plain text is left", async () => {
    const folder = await temporaryFolder();
    try {
      const { secrets, job } = requests();
      const old = folder.file("old");
      const keyless = Object.fromEntries(Object.entries(migrations).filter(([name]) => name < "0004"));
      const store = await openStore<Tables>({ file: join(old, "orchestrator.db"), migrations: keyless });
      await store.write((tx) => fillPlain(tx, 300, JSON.stringify(job.inlineConfig)));
      await sql`delete from jobs where seq > 290`.execute(store.db);
      // As a crash leaves it: with a log that was not taken over. What was deleted or overwritten is still there too.
      const data = folder.file("data");
      await mkdir(data);
      for (const name of ["orchestrator.db", "orchestrator.db-wal"]) await copyFile(join(old, name), join(data, name));
      await store.close();
      await rm(old, { recursive: true });
      expect(await filesWith(data, secrets.slice(0, 3))).not.toEqual([]);

      await using house = await House.open({ dataDir: data });
      expect(await filesWith(data, secrets)).toEqual([]);
      const { body } = await house.api("GET", "/v1/jobs");
      expect(body).toHaveLength(290);
      expect(body[0]).toMatchObject({ inlineConfig: job.inlineConfig, metadata: job.inlineConfig });
      expect((await house.api("GET", "/v1/templates/mine")).body.config).toEqual(job.inlineConfig);
      await house.stop();
      expect(await filesWith(data, secrets)).toEqual([]);
    } finally {
      await folder.remove();
    }
  });

  test("do not open in another row, and the answer says nothing of them", async () => {
    await using house = await House.open();
    const { secrets, job } = requests();
    const [mine, other] = [await house.submit(job), await house.submit()];
    await house.stop();
    const database = new DatabaseSync(join(house.dataDir, "orchestrator.db"));
    database
      .prepare("update jobs set inline_config = (select inline_config from jobs where id = ?) where id = ?")
      .run(mine.id, other.id);
    database.prepare("update jobs set ended_at = created_at, status = 'STOPPED'").run();
    database.close();
    await house.start();
    expect((await house.api("GET", `/v1/jobs/${mine.id}`)).status).toBe(200);
    const answer = await house.api("GET", `/v1/jobs/${other.id}`);
    expect(answer.status).toBe(500);
    for (const one of secrets) expect(answer.text).not.toContain(one);
  });
});

describe("the keys", () => {
  const env = async (dataDir: string, more: Record<string, string> = {}) => ({
    PORT: String(await freePort()),
    DATA_DIR: dataDir,
    AGENT_TOKEN: "secret",
    ...more,
  });

  test("must be those that encrypted: a start without them refuses with what to do, and changes nothing", async () => {
    const folder = await temporaryFolder();
    try {
      const [key, other] = [newKey(), newKey()];
      const { job } = requests();
      {
        await using house = await House.open({ dataDir: folder.path, keys: ringOf(key) });
        await house.submit(job);
      }
      const wrong: Record<string, string>[] = [{ SECRETS_KEY: other }, {}];
      for (const variables of wrong) {
        await using refused = Service.spawn(await env(folder.path, variables));
        expect((await refused.ended).code).toBe(78);
        expect(refused.output).toContain(
          `are encrypted with the key ${ringOf(key).sealingKeyId}, and what is given is`,
        );
        expect(refused.output).toContain("Give that key in SECRETS_KEY");
        for (const one of [key, other]) expect(refused.output).not.toContain(one);
      }
      await writeFile(folder.file("key"), `# of this test\n${key}\n`, { mode: 0o600 });
      await using service = await Service.start(await env(folder.path, { SECRETS_KEY_FILE: folder.file("key") }));
      service.signal("SIGTERM");
      expect((await service.ended).code).toBe(0);
    } finally {
      await folder.remove();
    }
  });

  test("are demanded in production, unless words say that they may lie beside the data", async () => {
    const folder = await temporaryFolder();
    try {
      const production = { NODE_ENV: "production", AGENT_TOKEN: newKey() };
      await using refused = Service.spawn(await env(folder.path, production));
      expect((await refused.ended).code).toBe(78);
      expect(refused.output).toContain("SECRETS_KEY is not given");
      for (const good of [{ SECRETS_KEY_IN_DATA_DIR: "true" }]) {
        await using service = await Service.start(await env(folder.path, { ...production, ...good }));
        expect(await readFile(folder.file(OWN_KEY_FILE), "utf8")).toMatch(/^#/);
        service.signal("SIGTERM");
        await service.ended;
      }
    } finally {
      await folder.remove();
    }
  });

  test("are printed by a command; another word shows the usage", async () => {
    const made = await runMain(["secrets", "generate-key"], {});
    expect(made.code).toBe(0);
    expect(parseKeys(made.output, "KEY")).toHaveLength(1);
    for (const words of [["secrets"], ["secrets", "rotated"], ["rotate"], ["keys"], ["keys", "create", "x", "king"]]) {
      const wrong = await runMain(words, {});
      expect(wrong.code).toBe(64);
      expect(wrong.output).toMatch(/^Usage: node dist\/main\.js .*\n.*secrets generate-key/s);
    }
  });
});

describe("a rotation", () => {
  test("encrypts everything with the new key, after which the old one is good for nothing", async () => {
    const folder = await temporaryFolder();
    try {
      const [old, fresh] = [newKey(), newKey()];
      const { job, inlineConfig } = requests();
      let id = "";
      {
        await using house = await House.open({ dataDir: folder.path, keys: ringOf(old) });
        id = (await house.submit(job)).id;
        await house.api("POST", "/v1/templates", { id: "mine", name: "Mine", config: inlineConfig });
        const early = await runMain(["secrets", "rotate"], { DATA_DIR: folder.path, SECRETS_KEY: `${fresh},${old}` });
        expect(early.code).toBe(1);
        expect(early.output).toMatch(/in use by another process.*A rotation needs the orchestrator to be stopped/);
      }
      const rotated = await runMain(["secrets", "rotate"], { DATA_DIR: folder.path, SECRETS_KEY: `${fresh},${old}` });
      expect(rotated.output).toMatch(/jobs: 1 of 1 rows\n.*templates: 1 of 1 rows\n/);
      expect(rotated.output).toContain("4 values were encrypted anew; all 4 open with the key");
      expect(rotated.output).toContain(`Take the others out of the settings: ${ringOf(old).sealingKeyId}.`);
      expect(rotated.code).toBe(0);
      expect(await filesWith(folder.path, [ringOf(old).sealingKeyId])).toEqual([]);
      const again = await runMain(["secrets", "rotate"], { DATA_DIR: folder.path, SECRETS_KEY: fresh });
      expect(again.output).toContain("0 values were encrypted anew; all 4 open");

      await using house = await House.open({ dataDir: folder.path, keys: ringOf(fresh) });
      expect(await house.job(id)).toMatchObject({ inlineConfig, metadata: job.metadata });
      await house.stop();
      await expect(House.open({ dataDir: folder.path, keys: ringOf(old) })).rejects.toThrow(
        /are encrypted with the key/,
      );
    } finally {
      await folder.remove();
    }
  });

  test("that breaks off goes on where it was; meanwhile both keys are needed and both are good", async () => {
    const folder = await temporaryFolder();
    try {
      const [old, fresh] = [newKey(), newKey()];
      const open = (...keys: string[]) =>
        openDatabase({ dataDir: folder.path, ring: ringOf(...keys), logger: silentLogger() });
      const first = await open(old);
      await fillSealed(first, 500);
      await first.store.close();

      const broken = await open(fresh, old);
      const steps: number[] = [];
      await expect(
        rotate(broken.store, broken.sealed, ({ rows }) => {
          steps.push(rows);
          throw new Error("the power went");
        }),
      ).rejects.toThrow("the power went");
      await broken.store.close();
      await expect(open(fresh)).rejects.toThrow(/are encrypted with the key/);
      await expect(open(old)).rejects.toThrow(/are encrypted with the key/);

      const resumed = await open(fresh, old);
      const result = await rotate(resumed.store, resumed.sealed, () => undefined);
      await resumed.store.close();
      expect(steps).toEqual([200]);
      expect(result).toEqual({ resealed: (500 - 200) * 2, verified: 500 * 2 });
      await (await open(fresh)).store.close();
    } finally {
      await folder.remove();
    }
  });
});
