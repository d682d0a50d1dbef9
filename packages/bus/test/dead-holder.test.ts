import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import { startNats, startRedis, waitFor } from "@stream-control/test-kit";
import { openMessages } from "../src/open-messages.js";

test.each([
  ["natsUrl", startNats],
  ["redisUrl", startRedis],
] as const)("a holder that dies without a word loses its lease, and only then (%s)", async (setting, start) => {
  await using server = await start();
  const { messages, close } = await openMessages({ [setting]: server.url, prefix: "test", name: "heir" });
  const main = fileURLToPath(new URL("holder-main.mjs", import.meta.url));
  const holder = spawn(process.execPath, [main, setting, server.url], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const [line] = await once(createInterface({ input: holder.stdout }), "line");
    expect(await messages.lease("held", { ttlMs: 1000 })).toBeUndefined();
    const died = performance.now();
    holder.kill("SIGKILL");
    const lease = await waitFor(() => messages.lease("held", { ttlMs: 1000 }));
    expect(performance.now() - died).toBeGreaterThan(500);
    expect(lease.fence).toBeGreaterThan(Number(line));
  } finally {
    holder.kill("SIGKILL");
    await close();
  }
});
