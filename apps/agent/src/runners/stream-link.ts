import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import type { Readable } from "node:stream";
import { CommandError } from "@stream-control/agent-sdk";
import { parseWith } from "@stream-control/protocol";
import { runnerEventSchema } from "../runner/contract.js";

/** How long a runner may take to answer. */
const REPLY_MS = 5000;
/** More than this no runner says before it answers. */
const MAX_TALK_BYTES = 1_048_576;
const NEWLINE = 0x0a;

/**
 * Opens a connection of its own to a runner and asks for what goes out.
 *
 * @returns MPEG-TS from a keyframe on; destroy it to end it. It ends when the job does.
 * @throws CommandError where the runner is gone, silent, or too old to know the command.
 */
export async function openStream(socketPath: string): Promise<Readable> {
  const socket = connect(socketPath);
  const { promise, resolve, reject } = Promise.withResolvers<Readable>();
  const fail = () => reject(unable("JOB_NOT_RUNNING", "The process that runs this job does not answer."));
  const timer = setTimeout(fail, REPLY_MS);
  const id = randomUUID();
  let talk: Buffer = Buffer.alloc(0);
  const listen = (chunk: Buffer) => {
    talk = Buffer.concat([talk, chunk]);
    for (let end = talk.indexOf(NEWLINE); end >= 0; end = talk.indexOf(NEWLINE)) {
      const ok = replyIn(talk.subarray(0, end), id);
      talk = talk.subarray(end + 1);
      if (ok === undefined) continue;
      if (ok) {
        // From here on the connection carries the stream, whose first bytes may have come with the reply.
        socket.pause();
        socket.off("data", listen);
        if (talk.length > 0) socket.unshift(talk);
        resolve(socket);
      } else
        reject(
          unable("NOT_SUPPORTED", "This job was started by an older agent; it can be watched when it starts again."),
        );
      return;
    }
    if (talk.length > MAX_TALK_BYTES) fail();
  };
  socket.on("data", listen);
  socket.on("error", fail);
  socket.on("close", fail);
  socket.write(`${JSON.stringify({ type: "stream", id })}\n`);
  try {
    return await promise;
  } catch (thrown) {
    socket.destroy();
    throw thrown;
  } finally {
    clearTimeout(timer);
  }
}

/** Whether the command was taken; undefined for a line that does not say. */
function replyIn(line: Buffer, id: string): boolean | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line.toString("utf8"));
  } catch {
    return undefined;
  }
  const event = parseWith(runnerEventSchema, value);
  return event.ok && event.value.type === "reply" && event.value.id === id ? event.value.ok : undefined;
}

const unable = (code: string, message: string) => new CommandError({ code, message });
