import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { temporaryFolder } from "./temporary-folder.js";
import { waitFor } from "./wait-for.js";

const messageSchema = z.discriminatedUnion("event", [
  z.object({ event: z.literal("listening"), port: z.int() }),
  z.object({ event: z.enum(["postPublish", "donePublish"]), streamPath: z.string() }),
  z.object({
    event: z.literal("session"),
    id: z.string(),
    streamPath: z.string(),
    since: z.number(),
    refused: z.boolean(),
  }),
  z.object({ event: z.literal("media"), id: z.string(), from: z.number(), to: z.number() }),
]);

/** One connection that asked to publish. All times are Unix milliseconds of this machine. */
export interface PublisherSession {
  streamPath: string;
  /** When it asked. */
  since: number;
  /** The stream had a publisher already; media that it sent before it was told counts all the same. */
  refused: boolean;
  /** When media arrived; a pause of more than 300 ms begins a new span. */
  spans: { from: number; to: number }[];
}

/** A real RTMP server on 127.0.0.1. */
export interface RtmpServer {
  port: number;
  pid: number;
  /** Stream paths that are being published now, such as `/live/key`. */
  live: ReadonlySet<string>;
  /** Publications that have begun since the start, in their order; one stream may stand here several times. */
  published: readonly string[];
  /** Every connection that asked to publish, in the order of asking, and when it sent media (told within 100 ms). */
  sessions: readonly PublisherSession[];
  /** `rtmp://127.0.0.1:PORT/live` and the parts given. */
  url(...parts: string[]): string;
  /** Stops the server with all its connections; may be called again. */
  close(): Promise<void>;
}

/**
 * Starts an RTMP server that anybody may publish to and play from.
 *
 * @param port the system chooses one unless given; give one to come back at the same address.
 */
export async function startRtmpServer({ port = 0 }: { port?: number } = {}): Promise<RtmpServer> {
  const folder = await temporaryFolder("sc-rtmp-");
  const child = fork(fileURLToPath(new URL("./rtmp-server-main.js", import.meta.url)), [String(port)], {
    cwd: folder.path,
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    execArgv: [],
  });
  const exited = once(child, "exit");
  const live = new Set<string>();
  const published: string[] = [];
  const sessions = new Map<string, PublisherSession>();
  let listening: number | undefined;
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-4000);
  });
  child.on("message", (raw) => {
    const message = messageSchema.parse(raw);
    switch (message.event) {
      case "listening":
        listening = message.port;
        break;
      case "session": {
        const { id, streamPath, since, refused } = message;
        sessions.set(id, { streamPath, since, refused, spans: [] });
        break;
      }
      case "media":
        grow(sessions.get(message.id)?.spans ?? [], message);
        break;
      case "donePublish":
        live.delete(message.streamPath);
        break;
      case "postPublish":
        live.add(message.streamPath);
        published.push(message.streamPath);
        break;
    }
  });
  const close = async () => {
    child.kill("SIGKILL");
    await exited;
    await folder.remove();
  };
  try {
    const actual = await waitFor(
      () => {
        if (child.exitCode !== null) throw new Error(`The RTMP server ended with ${child.exitCode}: ${stderr}`);
        return listening;
      },
      { what: "the RTMP server to listen" },
    );
    const url = (...parts: string[]) => [`rtmp://127.0.0.1:${actual}/live`, ...parts].join("/");
    return {
      ...{ port: actual, pid: child.pid ?? 0, live, published, url, close },
      get sessions() {
        return [...sessions.values()];
      },
    };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

/** A span is told again and again while it grows. */
function grow(spans: PublisherSession["spans"], { from, to }: { from: number; to: number }): void {
  const last = spans.at(-1);
  if (last?.from === from) last.to = to;
  else spans.push({ from, to });
}
