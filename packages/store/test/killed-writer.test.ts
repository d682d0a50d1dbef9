import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import { temporaryFolder } from "@stream-control/test-kit";
import { openStore, sql } from "../src/index.js";

test("a writer that is killed loses nothing that it had been told is stored, and its lock is gone", async () => {
  const folder = await temporaryFolder();
  try {
    const file = folder.file("store.db");
    const writer = spawn(process.execPath, [fileURLToPath(new URL("writer-main.mjs", import.meta.url)), file], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = once(writer, "close");
    let last = -1;
    for await (const line of createInterface({ input: writer.stdout })) {
      last = Number(line);
      if (last === 2000) writer.kill("SIGKILL");
    }
    expect((await ended)[1]).toBe("SIGKILL");
    expect(last).toBeGreaterThanOrEqual(2000);

    const store = await openStore<{ rows: { n: number } }>({ file, migrations: {} }).catch(() => undefined);
    // Without the writer's migration the tables count as newer; the file itself must be whole all the same.
    expect(store).toBeUndefined();
    const { migrations } = await import(new URL("writer-migrations.mjs", import.meta.url).href);
    const again = await openStore<{ rows: { n: number } }>({ file, migrations });
    const { rows: check } = await sql<{ integrity_check: string }>`pragma integrity_check`.execute(again.db);
    expect(check).toMatchObject([{ integrity_check: "ok" }]);
    const rows = await again.db.selectFrom("rows").select("n").orderBy("n").execute();
    expect(rows.length).toBeGreaterThan(last);
    expect(rows.map(({ n }) => n)).toEqual([...rows.keys()]);
    await again.close();
  } finally {
    await folder.remove();
  }
});
