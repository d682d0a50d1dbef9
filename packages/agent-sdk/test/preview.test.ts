import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { AgentHandlers } from "../src/index.js";
import { CommandError } from "../src/index.js";
import { OrchestratorDouble, type PreviewSocket } from "../src/testing.js";
import { recordingAgent, until } from "./helpers.js";

let double: OrchestratorDouble;
beforeEach(async () => {
  double = await OrchestratorDouble.listen();
});
afterEach(() => double.close());

/** An agent that runs a job. */
async function running(handlers: Partial<AgentHandlers>) {
  const { client } = recordingAgent(double.url, { handlers });
  client.start();
  const { payload } = await double.next("agent.hello");
  double.assign("job-1");
  await double.next("agent.assign.ack");
  const close = { [Symbol.asyncDispose]: () => client.stop() };
  return { client, features: payload.capabilities.features, ...close };
}

const ask = (commandId: string, ticket = "the-ticket") =>
  double.send("orchestrator.job.preview", { jobId: "job-1", commandId, epoch: 1, ticket });
const answer = async (commandId: string) =>
  (await double.next("agent.job.command.ack", (payload) => payload.commandId === commandId)).payload;

describe("a preview", () => {
  test("goes over a socket of its own, which its ticket opens, as binary frames", async () => {
    let output: Writable | undefined;
    await using agent = await running({
      onPreview: (job, given) => {
        expect(job).toEqual({ jobId: "job-1", epoch: 1 });
        output = given;
        given.write(Buffer.from("first"));
      },
    });
    expect(agent.features).toContain("preview");
    ask("c1");
    expect(await answer("c1")).toMatchObject({ success: true });
    const { ticket, frames, closed } = double.previews[0] as PreviewSocket;
    expect(ticket).toBe("the-ticket");
    output?.end(Buffer.from("last"));
    expect(await closed).toEqual({ code: 1000, reason: "the stream has ended" });
    expect(frames.map(({ data, isBinary }) => [String(data), isBinary])).toEqual([
      ["first", true],
      ["last", true],
    ]);
  });

  test("ends for the agent when the orchestrator closes the socket", async () => {
    const ended = Promise.withResolvers<void>();
    await using _agent = await running({
      onPreview: (_job, output) => {
        const endless = new Readable({ read: () => endless.push(Buffer.alloc(1000)) });
        pipeline(endless, output).catch(() => ended.resolve());
      },
    });
    ask("c1");
    await answer("c1");
    double.previews[0]?.socket.close(1000, "nobody watches");
    await ended.promise;
  });

  test("ends with the agent's own connection", async () => {
    const ended = Promise.withResolvers<void>();
    await using _agent = await running({
      onPreview: (_job, output) => void output.once("close", () => ended.resolve()),
    });
    ask("c1");
    await answer("c1");
    double.dropAll();
    await ended.promise;
    expect((await double.previews[0]?.closed)?.code).toBe(1006);
  });

  test("holds the writer up while the orchestrator does not read, and nothing else", async () => {
    let written = 0;
    await using _agent = await running({
      onPreview: (_job, output) => {
        const source = new Readable({
          read: () => {
            written += 64_000;
            source.push(Buffer.alloc(64_000));
          },
        });
        pipeline(source, output).catch(() => undefined);
      },
      onMute: () => undefined,
    });
    ask("c1");
    await until(() => double.previews.length === 1, "a socket");
    double.previews[0]?.socket.pause();
    let before = -1;
    // It ends to write once the kernel's buffers are full, whatever they hold.
    await until(() => {
      const isStill = before === written;
      before = written;
      return isStill && written > 0;
    }, "the writer to be held up");
    double.send("orchestrator.job.mute", { jobId: "job-1" });
    expect((await double.next("agent.job.mute")).payload.success).toBe(true);
  });

  test("that the agent refuses closes its socket, and the answer says why", async () => {
    await using _agent = await running({
      onPreview: () => {
        throw new CommandError({ code: "NOT_SUPPORTED", message: "Not this job." });
      },
    });
    ask("c1");
    expect(await answer("c1")).toMatchObject({ success: false, error: { message: "Not this job." } });
    await double.previews[0]?.closed;
  });

  test("that can't be connected is answered, without its ticket", async () => {
    await using _agent = await running({ onPreview: () => undefined });
    double.refusePreviews = true;
    ask("c1", "secret-ticket");
    const { success, error } = await answer("c1");
    expect([success, error?.code]).toEqual([false, "PREVIEW_UNREACHABLE"]);
    expect(JSON.stringify(error)).not.toContain("secret-ticket");
  });

  test("is unknown to an agent without its handler", async () => {
    await using agent = await running({});
    expect(agent.features).not.toContain("preview");
    ask("c1");
    expect(await answer("c1")).toMatchObject({ success: false, error: { code: "NOT_SUPPORTED" } });
    expect(double.previews).toEqual([]);
  });
});
