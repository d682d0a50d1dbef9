import { writeSync } from "node:fs";
import { openStore } from "../dist/index.js";
import { migrations } from "./writer-migrations.mjs";

// Writes numbers for ever, many at a time, and says each one once the store has said that it is on disk.
const store = await openStore({ file: process.argv[2], migrations });
for (let n = 0; ; n += 50) {
  const batch = Array.from({ length: 50 }, async (_, index) => {
    await store.write((tx) =>
      tx
        .insertInto("rows")
        .values({ n: n + index })
        .execute(),
    );
    writeSync(1, `${n + index}\n`);
  });
  await Promise.all(batch);
}
