import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { expect, test } from "@jest/globals";
import { webhookEventSchema } from "@stream-control/protocol";
import { temporaryFolder } from "@stream-control/test-kit";
import { House } from "./house.js";
import { type Received, Receiver } from "./webhook-receiver.js";

const PAGE = await readFile(new URL("../../../docs/webhooks.md", import.meta.url), "utf8");
const example = (language: string) => new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(PAGE)?.[1] ?? "";

/** What the examples of the page are called with, and how: the request in a file, the secret beside it. */
const LANGUAGES = [
  {
    language: "js",
    file: "check.mjs",
    program: process.execPath,
    rest: `import { readFileSync } from "node:fs";
const { headers, text, secret } = JSON.parse(readFileSync(process.argv[2], "utf8"));
process.stdout.write(String(isFromStreamControl(headers, text, secret)));`,
  },
  {
    language: "python",
    file: "check.py",
    program: "python3",
    rest: `import json, sys
with open(sys.argv[1], encoding="utf-8") as file:
    given = json.load(file)
print(str(is_from_stream_control(given["headers"], given["text"].encode(), given["secret"])).lower(), end="")`,
  },
];

test("the example of an event in docs/webhooks.md is one", () => {
  expect(webhookEventSchema.strict().safeParse(JSON.parse(example("json")))).toMatchObject({ success: true });
});

test.each(LANGUAGES)("a receiver in $language, as docs/webhooks.md has it, knows ours from others", async (one) => {
  const folder = await temporaryFolder();
  await using house = await House.open();
  await using receiver = await Receiver.open();
  try {
    const { body: hook } = await house.api("POST", "/v1/webhooks", { url: receiver.url });
    await house.api("PUT", `/v1/webhooks/${hook.id}`, { newSecret: true });
    const { id } = await house.submit({ streamMetadata: { title: "Größe – ☃" } });
    const [sent] = await receiver.ofType("job.created");
    expect(sent?.body.data.jobId).toBe(id);
    const program = folder.file(one.file);
    await writeFile(program, `${example(one.language)}\n${one.rest}\n`);
    const verdict = async (changes: object) => {
      const request = folder.file("request.json");
      await writeFile(request, JSON.stringify({ ...sent, secret: hook.secrets[0], ...changes }));
      const child = spawn(one.program, [program, request], { stdio: ["ignore", "pipe", "inherit"] });
      let said = "";
      child.stdout.on("data", (text: Buffer) => {
        said += String(text);
      });
      await once(child, "close");
      return said;
    };
    const { headers, text } = sent as Received;
    expect(await verdict({})).toBe("true");
    expect(await verdict({ text: text.replace("job.created", "job.stopped") })).toBe("false");
    expect(await verdict({ secret: `whsec_${Buffer.alloc(32, "x").toString("base64")}` })).toBe("false");
    const old = { ...headers, "webhook-timestamp": String(Number(headers["webhook-timestamp"]) - 600) };
    expect(await verdict({ headers: old })).toBe("false");
  } finally {
    await folder.remove();
  }
});
