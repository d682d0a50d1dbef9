import { readFile, writeFile } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import { openStore } from "@stream-control/store";
import { freePort, run, temporaryFolder } from "@stream-control/test-kit";
import { migrations } from "../src/store/migrations.js";
import type { Tables } from "../src/store/tables.js";
import { fillPlain } from "./filled-database.js";
import { call } from "./house.js";
import { Service } from "./service.js";

const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const audit = (dataDir: string, ...args: string[]) =>
  run("env", [`DATA_DIR=${dataDir}`, process.execPath, MAIN, "audit", ...args]);
const env = async (dataDir: string) => ({ PORT: String(await freePort()), DATA_DIR: dataDir, LOG_LEVEL: "error" });

describe("SIGKILL in the middle of a flood of changes", () => {
  test("leaves a log that checks and has every head that was given out, on the stopped file and after the next start", async () => {
    const folder = await temporaryFolder();
    try {
      let noted = "";
      for (let round = 0; round < 3; round += 1) {
        await using service = await Service.start(await env(folder.path));
        let answered = 0;
        const flood = Array.from({ length: 60 }, async (_, n) => {
          try {
            const { body } = await call(service.url, "POST", "/v1/jobs", { inlineConfig: { n }, requestedBy: `p${n}` });
            await call(service.url, "PUT", `/v1/jobs/${body.id}/metadata`, { title: "T" });
            await call(service.url, "POST", "/v1/audit/erase", { requestedBy: `p${n}` });
            const { seq, hash } = (await call(service.url, "GET", "/v1/audit/head")).body;
            if (seq > Number(noted.split(":")[0])) noted = `${seq}:${hash}`;
            answered += 1;
            if (answered === 10 + round * 7) service.signal("SIGKILL");
          } catch (error) {
            if (answered < 10) throw error;
          }
        });
        await Promise.all(flood);
        expect((await service.ended).signal).toBe("SIGKILL");
        const { code, stdout } = await audit(folder.path, "verify", "--expect", noted);
        expect(stdout).toContain("The log is whole");
        expect(code).toBe(0);
      }
      await using again = await Service.start(await env(folder.path));
      const { stdout, code } = await audit("/nowhere", "verify", "--expect", noted, "--url", again.url);
      expect([code, stdout.split("\n")[0]]).toEqual([
        0,
        expect.stringMatching(/^The log is whole: \d+ entries check\.$/),
      ]);
    } finally {
      await folder.remove();
    }
  });
});

describe("the command", () => {
  test("gives the same on the stopped file and through the running service", async () => {
    const folder = await temporaryFolder();
    try {
      const outputs: string[][] = [];
      await using service = await Service.start(await env(folder.path));
      for (let n = 0; n < 3; n += 1)
        await call(service.url, "POST", "/v1/jobs", { inlineConfig: {}, requestedBy: "Ada" });
      await call(service.url, "POST", "/v1/templates", { id: "t-1", name: "T", config: {} });
      const inUse = await audit(folder.path, "head");
      expect([inUse.code, inUse.stdout]).toEqual([1, ""]);
      expect(inUse.stderr).toMatch(/orchestrator\.db is in use\. The orchestrator is running: ask it with --url .*\n$/);
      const look = async (...where: string[]) => {
        const all = [["head"], ["verify"], ["export", "--type", "job.created", "--actor", "local"]];
        const said: string[] = [];
        for (const args of all) {
          const { code, stdout, stderr } = await audit(folder.path, ...args, ...where);
          expect([args, code, stderr]).toEqual([args, 0, ""]);
          said.push(stdout);
        }
        outputs.push(said);
      };
      await look("--url", service.url);
      service.signal("SIGTERM");
      expect((await service.ended).code).toBe(0);
      await look();
      const [[, , running = ""] = [], [head = "", , stopped = ""] = []] = outputs;
      expect(running.trim().split("\n")).toHaveLength(3);
      expect(stopped).toBe(running);
      // The export of before is an entry, so the head has moved by one.
      expect(head).toMatch(/^5:[0-9a-f]{64}\n$/);

      const erased = await audit(folder.path, "erase", "--actor", "local");
      expect(erased.stdout).toBe("Erased: 1 origins, the requester of 3 jobs.\n");
      const after = await audit(folder.path, "verify", "--expect", head.trim());
      expect(after.stdout).toContain("The personal data of 1 origins has been erased.");
      expect(after.code).toBe(0);
    } finally {
      await folder.remove();
    }
  });

  test("says what is wrong, with exit code 1, where somebody changed the file", async () => {
    const folder = await temporaryFolder();
    try {
      await using service = await Service.start(await env(folder.path));
      for (let n = 0; n < 4; n += 1) await call(service.url, "POST", "/v1/jobs", { inlineConfig: {} });
      service.signal("SIGTERM");
      await service.ended;
      const database = new DatabaseSync(`${folder.path}/orchestrator.db`);
      database.exec("drop trigger events_stay; update events set actor = 'key:innocent' where seq = 2;");
      database.close();
      const { code, stdout } = await audit(folder.path, "verify");
      expect(code).toBe(1);
      expect(stdout).toContain(
        "The entry 2 is not what its hash says.\nThe log is NOT whole: 1 problems in 4 entries.\n",
      );
    } finally {
      await folder.remove();
    }
  });

  test("explains itself where it is not used as it should be, and touches nothing", async () => {
    const folder = await temporaryFolder();
    try {
      for (const args of [
        [],
        ["look"],
        ["head", "now"],
        ["export", "--form", "csv"],
        ["verify", "--expect", "5"],
        ["erase"],
        ["export", "--since", "soon"],
        ["erase", "--actor", "a", "--name", "b"],
        ["head", "--url", "here"],
      ]) {
        const { code, stdout, stderr } = await audit(folder.path, ...args);
        expect([args, code, stdout]).toEqual([args, 64, ""]);
        expect(stderr).not.toBe("");
      }
      const { code, stderr } = await audit(folder.path, "verify");
      expect([code, stderr]).toEqual([1, expect.stringContaining("Set DATA_DIR to the orchestrator's data folder.\n")]);
    } finally {
      await folder.remove();
    }
  });
});

test("an export can be checked with the lines of Python that docs/audit.md has", async () => {
  const folder = await temporaryFolder();
  try {
    await using service = await Service.start(await env(folder.path));
    await call(service.url, "POST", "/v1/templates", { id: "t-1", name: "Ä \u2028 \u0001 \u007f 😀", config: {} });
    await call(service.url, "POST", "/v1/jobs", { inlineConfig: {} });
    const guide = await readFile(fileURLToPath(new URL("../../../docs/audit.md", import.meta.url)), "utf8");
    const script = /```python\n([\s\S]*?)```/.exec(guide)?.[1] ?? "";
    const exported = (await audit("/nowhere", "export", "--url", service.url)).stdout;
    await writeFile(folder.file("export.jsonl"), exported);
    await writeFile(folder.file("check.py"), script);
    const good = await run("python3", [folder.file("check.py"), folder.file("export.jsonl")]);
    expect([good.stdout, good.code]).toEqual([expect.stringMatching(/^3 entries check, up to 3:[0-9a-f]{64}\n$/), 0]);
    await writeFile(folder.file("export.jsonl"), exported.replace('"actor":"local"', '"actor":"other"'));
    expect((await run("python3", [folder.file("check.py"), folder.file("export.jsonl")])).code).not.toBe(0);
  } finally {
    await folder.remove();
  }
});

test("what was logged before there was a chain keeps its numbers and is chained, and a hole in it is told", async () => {
  const folder = await temporaryFolder();
  try {
    // As the version before left it.
    const file = folder.file("orchestrator.db");
    const before = Object.fromEntries(Object.entries(migrations).filter(([name]) => name < "0004"));
    const store = await openStore<Tables>({ file, migrations: before });
    await store.write((tx) => fillPlain(tx, 1, "{}"));
    await store.close();
    const database = new DatabaseSync(file);
    const [{ id } = { id: "" }] = database.prepare("select id from jobs").all() as { id: string }[];
    const insert = database.prepare("insert into job_events values (?, ?, ?, ?, ?, '2030-01-01T00:00:00.000Z')");
    for (let seq = 1; seq <= 2500; seq += 1)
      if (seq !== 7) insert.run(seq, id, "job.running", `Event ${seq}.`, seq % 2 === 0 ? `{"b":${seq},"a":[1]}` : null);
    database.close();
    await using second = await Service.start(await env(folder.path));
    const page = (await call(second.url, "GET", `/v1/jobs/${id}/events?limit=1000`)).body.items;
    expect(page.slice(5, 7)).toEqual([
      {
        seq: 6,
        jobId: id,
        type: "job.running",
        message: "Event 6.",
        data: { b: 6, a: [1] },
        ts: "2030-01-01T00:00:00.000Z",
      },
      {
        seq: 8,
        jobId: id,
        type: "job.running",
        message: "Event 8.",
        data: { b: 8, a: [1] },
        ts: "2030-01-01T00:00:00.000Z",
      },
    ]);
    const lost = (await call(second.url, "GET", "/v1/audit?type=audit.lost")).body.items;
    expect(lost).toEqual([expect.objectContaining({ seq: 7, actor: "unknown" })]);
    await call(second.url, "POST", "/v1/jobs", { inlineConfig: {} });
    const { text } = await call(second.url, "GET", "/v1/audit/verify");
    expect(JSON.parse(text.trim().split("\n").at(-1) ?? "").report).toMatchObject({ ok: true, entries: 2501 });
  } finally {
    await folder.remove();
  }
});
