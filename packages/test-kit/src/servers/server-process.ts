import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { freePort } from "../free-port.js";
import { type TemporaryFolder, temporaryFolder } from "../temporary-folder.js";
import { waitFor } from "../wait-for.js";

/** A real server of its own for one test file, with an empty folder, on a port of 127.0.0.1. */
export interface TestServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** Kills it as a crash would. What it had on disk stays for `start`. */
  kill(): Promise<void>;
  /** Starts it again, at the same address and on the same folder. */
  start(): Promise<void>;
  /** Freezes it, or lets it go on. */
  signal(name: "SIGSTOP" | "SIGCONT"): void;
  /** Ends it and removes its folder; may be called again. */
  stop(): Promise<void>;
}

export interface ServerRecipe {
  command: string;
  args: (port: number, folder: string) => readonly string[];
  url: (port: number) => string;
  /** Done once in the empty folder. */
  prepare?: (folder: string) => Promise<void>;
  /** As whom it runs, where it may not run as root. */
  user?: { uid: number; gid: number } | undefined;
  /** What ends it as a crash would, with its own children: SIGKILL unless given. */
  crash?: NodeJS.Signals;
  /** Whether it serves; that the port takes connections is known. */
  ready?: (port: number) => Promise<boolean>;
}

/** A port that looked free may be taken by another test before the server has it. */
const TRIES = 3;

export async function startServer(recipe: ServerRecipe): Promise<TestServer> {
  const folder = await temporaryFolder("sc-server-");
  try {
    await recipe.prepare?.(folder.path);
    for (let attempt = 1; ; attempt++) {
      const server = new ServerProcess(recipe, await freePort(), folder);
      try {
        await server.start();
        return server;
      } catch (thrown) {
        await server.kill();
        if (attempt === TRIES) throw thrown;
      }
    }
  } catch (thrown) {
    await folder.remove();
    throw thrown;
  }
}

class ServerProcess implements TestServer {
  readonly url: string;
  private child: ChildProcess | undefined;
  private output = "";

  constructor(
    private readonly recipe: ServerRecipe,
    readonly port: number,
    private readonly folder: TemporaryFolder,
  ) {
    this.url = recipe.url(port);
  }

  async start(): Promise<void> {
    await this.kill();
    const { command, args, user, ready } = this.recipe;
    const child = spawn(command, args(this.port, this.folder.path), { stdio: ["ignore", "pipe", "pipe"], ...user });
    this.child = child;
    let failed: Error | undefined;
    child.on("error", (error) => {
      failed = error;
    });
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.output = (this.output + text).slice(-4000);
      });
    const ended = () => failed !== undefined || child.exitCode !== null || child.signalCode !== null;
    const up = await waitFor(
      async () => (ended() ? "ended" : (await accepts(this.port)) && (await (ready?.(this.port) ?? true)) ? "up" : ""),
      { what: `${command} to serve` },
    );
    if (up === "ended")
      throw new Error(`${command} did not start: ${failed?.message ?? this.output}`, { cause: failed });
  }

  async kill(): Promise<void> {
    const child = this.child;
    this.child = undefined;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(this.recipe.crash ?? "SIGKILL");
    await exited;
  }

  signal(name: "SIGSTOP" | "SIGCONT"): void {
    this.child?.kill(name);
  }

  async stop(): Promise<void> {
    await this.kill();
    await this.folder.remove();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const done = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.once("connect", () => done(true)).once("error", () => done(false));
  });
}
