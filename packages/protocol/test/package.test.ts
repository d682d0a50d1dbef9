import { execFile } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { WebSocketServer } from "ws";
import { buildMessage, parseAgentMessage } from "../src/index.js";

const run = promisify(execFile);
const packageDir = resolve(import.meta.dirname, "..");
const rootModules = resolve(packageDir, "../../node_modules");

/** What somebody outside this workspace writes. */
const AGENT = resolve(packageDir, "../../examples/third-party-agent/ten-lines.ts");

let project: string;
beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), "protocol-outside-"));
});
afterAll(async () => {
  await rm(project, { recursive: true, force: true });
});

test("the packed package installs, type-checks and runs a ten-line agent outside this workspace", async () => {
  const packed = await run("npm", ["pack", "--json", "--pack-destination", project], { cwd: packageDir });
  const [{ filename, files }] = JSON.parse(packed.stdout) as [{ filename: string; files: { path: string }[] }];
  const names = files.map(({ path }) => path);
  expect(names).toEqual(
    expect.arrayContaining(["package.json", "dist/index.js", "dist/index.d.ts", "schemas/job.json"]),
  );
  expect(names.filter((name) => /\.test\.|^src\/|^test\//.test(name))).toEqual([]);

  await writeFile(join(project, "package.json"), JSON.stringify({ name: "outside", private: true, type: "module" }));
  await run("npm", ["install", filename, "--prefer-offline", "--no-audit", "--no-fund"], { cwd: project });
  // Types of Node, for the editor's side of such a project, come from this workspace: they are not the package's.
  const types = { compilerOptions: { ...COMPILER, typeRoots: [join(rootModules, "@types")] }, files: ["agent.ts"] };
  await writeFile(join(project, "tsconfig.json"), JSON.stringify(types));
  await copyFile(AGENT, join(project, "agent.ts"));
  await run(process.execPath, [join(rootModules, "typescript/bin/tsc"), "-p", project], { cwd: project });

  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  try {
    await once(server, "listening");
    const address = server.address();
    if (typeof address !== "object" || address === null) throw new Error("The server does not listen.");
    const got: string[] = [];
    server.on("connection", (socket) =>
      socket.on("message", (data) => {
        const read = parseAgentMessage(data.toString());
        got.push(read.ok ? read.message.type : read.problem.message);
        if (got.at(-1) === "agent.job.stopped") socket.close();
        if (!read.ok || read.message.type !== "agent.hello") return;
        const assignment = {
          jobId: "job-1",
          idempotencyKey: null,
          config: {},
          expiresAt: new Date(Date.now() + 10_000).toISOString(),
          metadata: {},
        };
        socket.send(JSON.stringify(buildMessage("orchestrator.assign.start", assignment)));
      }),
    );
    await run(process.execPath, [join(project, "out/agent.js"), `ws://127.0.0.1:${address.port}`], { timeout: 30_000 });
    expect(got).toEqual(["agent.hello", "agent.assign.ack", "agent.job.stopped"]);
  } finally {
    server.close();
  }
}, 180_000);

const COMPILER = {
  target: "es2024",
  lib: ["es2024", "dom"],
  module: "nodenext",
  strict: true,
  exactOptionalPropertyTypes: true,
  types: ["node"],
  outDir: "out",
};
