import { connect, type Socket } from "node:net";
import { parseWith } from "@stream-control/protocol";
import { type RunnerCommand, type RunnerEvent, runnerEventSchema } from "../runner/contract.js";
import { LineReader } from "./lines.js";

/** How long a runner may take to say hello on a connection that it has accepted. */
const HELLO_TIMEOUT_MS = 5000;

/** One connection to a runner's control socket. */
export class ControlLink {
  readonly closed: Promise<void>;

  private constructor(private readonly socket: Socket) {
    const closed = Promise.withResolvers<void>();
    this.closed = closed.promise;
    if (socket.destroyed) closed.resolve();
    else socket.once("close", () => closed.resolve());
  }

  /**
   * Connects and waits for the runner's hello.
   *
   * @param onEvent gets every event, the hello first.
   * @throws Error where nobody listens or no valid hello comes in time.
   */
  static async open(path: string, onEvent: (event: RunnerEvent) => void): Promise<ControlLink> {
    const { promise, resolve, reject } = Promise.withResolvers<ControlLink>();
    const socket = connect(path);
    const lines = new LineReader();
    let greeted = false;
    const timer = setTimeout(() => socket.destroy(new Error("The runner said no hello.")), HELLO_TIMEOUT_MS);
    const take = (event: RunnerEvent) => {
      if (!greeted && event.type !== "hello") return;
      if (!greeted) {
        greeted = true;
        clearTimeout(timer);
        resolve(new ControlLink(socket));
      }
      onEvent(event);
    };
    socket.on("data", (chunk) => {
      try {
        for (const line of lines.push(chunk)) {
          const event = parseWith(runnerEventSchema, JSON.parse(line));
          if (event.ok) take(event.value);
        }
      } catch (thrown) {
        socket.destroy(thrown instanceof Error ? thrown : undefined);
      }
    });
    socket.on("error", reject);
    socket.on("close", () => {
      clearTimeout(timer);
      reject(new Error("The runner closed the connection."));
    });
    return promise;
  }

  send(command: RunnerCommand): void {
    this.socket.write(`${JSON.stringify(command)}\n`);
  }

  close(): void {
    this.socket.destroy();
  }
}
