import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { pathToFileURL } from "node:url";
import { afterEach, expect, test } from "@jest/globals";

const kit = pathToFileURL(`${import.meta.dirname}/../dist/index.js`).href;
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

/** Runs a service as a process of its own; `start` is the body of its start function. */
function service(start: string) {
  const program = `
    import { runService, createLogger, ConfigError } from ${JSON.stringify(kit)};
    setInterval(() => {}, 1000);
    const say = (text) => process.stdout.write(text + "\\n");
    await runService(async () => { ${start} }, createLogger({ name: "test" }));`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  let output = "";
  let errors = "";
  const waiting = new Set<() => void>();
  child.stdout.on("data", (data) => {
    output += data;
    for (const wake of waiting) wake();
  });
  child.stderr.on("data", (data) => {
    errors += data;
  });
  const exited = once(child, "close");
  return {
    child,
    async says(text: string) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const timer = setTimeout(() => reject(new Error(`"${text}" was not said, only: ${output} ${errors}`)), 15_000);
      const wake = () => {
        if (output.includes(text)) resolve();
      };
      waiting.add(wake);
      wake();
      await promise.finally(() => clearTimeout(timer));
    },
    async exit() {
      const [code] = await exited;
      return { code, output, errors };
    },
  };
}

test.each(["SIGTERM", "SIGINT"] as const)("the first %s stops the service gracefully, exit 0", async (signal) => {
  const run = service('say("ready"); return { stop: async () => say("stopped by itself") };');
  await run.says("ready");
  run.child.kill(signal);
  const { code, output } = await run.exit();
  expect(code).toBe(0);
  expect(output).toContain("stopped by itself");
});

test.each([
  ["SIGTERM", 143],
  ["SIGINT", 130],
] as const)("a second signal ends it at once, %s with exit %d", async (signal, expected) => {
  const run = service(
    'say("ready"); return { stop: () => { say("stopping for ever"); return new Promise(() => {}); } };',
  );
  await run.says("ready");
  run.child.kill(signal);
  await run.says("stopping for ever");
  run.child.kill(signal);
  expect((await run.exit()).code).toBe(expected);
});

test("a wrong configuration is one sentence and exit 78", async () => {
  const { code, errors } = await service('throw new ConfigError("PORT is wrong.");').exit();
  expect({ code, errors }).toEqual({ code: 78, errors: "PORT is wrong.\n" });
});

test("any other failure to start is logged, exit 1", async () => {
  const { code, output } = await service('throw new Error("the port is taken");').exit();
  expect(code).toBe(1);
  expect(output).toContain("the port is taken");
});

test("a failure to stop is logged, exit 1", async () => {
  const run = service('say("ready"); return { stop: () => Promise.reject(new Error("the store is stuck")) };');
  await run.says("ready");
  run.child.kill("SIGTERM");
  const { code, output } = await run.exit();
  expect(code).toBe(1);
  expect(output).toContain("the store is stuck");
});
