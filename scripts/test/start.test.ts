import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { listProcesses } from "../lib/processes.mjs";
import { waitFor } from "../lib/wait.mjs";
import { ROOT } from "../lib/workspace.mjs";

const STOP_DEADLINE_MS = 60_000;
const START_DEADLINE_MS = 180_000;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return address.port;
}

/** All descendants of a process, whose parents may be gone by the time they are looked for again. */
function treeOf(root: number): Map<number, string> {
  const all = listProcesses();
  const tree = new Map<number, string>();
  const groups = new Set<number>();
  for (let before = -1; before !== tree.size; ) {
    before = tree.size;
    for (const { pid, ppid, pgid, command } of all)
      if (pid === root || tree.has(ppid) || groups.has(pgid)) {
        tree.set(pid, command);
        if (pgid === pid && pid !== root) groups.add(pgid);
      }
  }
  return tree;
}

test(
  "one command builds, runs a live demo stream, and leaves no process behind on Ctrl-C",
  async () => {
    const dataDir = mkdtempSync(join(tmpdir(), "start-"));
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    let output = "";
    const child = spawn(process.execPath, [join(ROOT, "scripts/start.mjs")], {
      cwd: ROOT,
      env: { ...process.env, PORT: String(port), DATA_DIR: dataDir, MEDIA_DIR: "" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    const exited = new Promise<number | string>((resolve) =>
      child.once("exit", (code, signal) => resolve(code ?? signal ?? "unknown")),
    );
    const says = (text: string) =>
      waitFor(
        async () => {
          const end = await Promise.race([exited, undefined]);
          if (end !== undefined) throw new Error(`start ended with ${end}:\n${output}`);
          return output.includes(text) ? true : undefined;
        },
        { what: `"${text}" in\n${output}`, deadlineMs: START_DEADLINE_MS },
      );

    try {
      await says("The demo stream is running.");
      await says("Ctrl-C stops everything.");
      expect(output).toContain(`http://localhost:${port}/`);

      const jobs = (await (await fetch(`${url}/v1/jobs`)).json()) as { status: string; idempotencyKey: string }[];
      expect(jobs).toEqual([expect.objectContaining({ status: "RUNNING", idempotencyKey: "demo" })]);
      expect((await fetch(`${url}/`)).status).toBe(200);

      const playlist = await waitFor(
        async () => {
          const name = readdirSync(join(dataDir, "media"), { recursive: true, encoding: "utf8" }).find((path) =>
            path.endsWith(".m3u8"),
          );
          const response = name === undefined ? undefined : await fetch(`${url}/media/${name}`);
          const text = response?.ok ? await response.text() : "";
          return text.includes("#EXTINF") ? { name: name ?? "", text } : undefined;
        },
        { what: "the demo's playlist under /media/", deadlineMs: 60_000 },
      );
      const segment = playlist.text.split("\n").find((line) => line !== "" && !line.startsWith("#")) ?? "";
      const media = await fetch(new URL(segment, `${url}/media/${playlist.name}`));
      expect(media.status).toBe(200);
      expect((await media.arrayBuffer()).byteLength).toBeGreaterThan(10_000);

      const tree = treeOf(child.pid ?? 0);
      expect([...tree.values()].filter((command) => command.includes("ffmpeg")).length).toBeGreaterThan(0);
      child.kill("SIGINT");
      const code = await waitFor(async () => Promise.race([exited, undefined]), {
        what: `start to stop after\n${output}`,
        deadlineMs: STOP_DEADLINE_MS,
      });
      expect({ code, output }).toMatchObject({ code: 0 });
      expect(output).toContain("no process is left");
      const left = listProcesses().filter(({ pid, command }) => tree.get(pid) === command || command.includes(dataDir));
      expect(left).toEqual([]);
    } finally {
      if (child.exitCode === null && child.signalCode === null) {
        // The second signal ends everything at once.
        child.kill("SIGINT");
        child.kill("SIGTERM");
        await exited;
      }
      rmSync(dataDir, { recursive: true, force: true });
    }
  },
  START_DEADLINE_MS + STOP_DEADLINE_MS + 60_000,
);
