import { isDeepStrictEqual } from "node:util";
import { CLOSE_CODES } from "@stream-control/protocol";
import { type Logger, toError } from "@stream-control/service-kit";
import type { Access, Caller } from "@stream-control/service-kit/access";
import { addressKey } from "@stream-control/service-kit/http";
import type { RawData, WebSocket } from "ws";
import { closeSocket } from "../agents/session.js";

/** Sockets of one address: a hall full of viewers behind one line, and not so many that one machine takes all of them. */
const MAX_PER_ADDRESS = 200;
/** Unsent bytes at which a page counts as not reading. */
const MAX_BUFFERED_BYTES = 256 * 1024;
/** What a page may say in its life: it says what it shows, and then it listens. */
const MAX_MESSAGES = 100;
/** How often it is looked whether a page is still there; one that has not answered by the next look is cut off. */
const PING_MS = 30_000;

export interface ListenersOptions {
  /** Sockets at once; those beyond are turned away, so that viewers never keep an agent or an operator out. */
  maxSockets: number;
  access: Access;
  logger: Logger;
  pingMs?: number;
}

/** Whoever opened a socket, and where. */
export interface Viewer {
  readonly address: string;
  /** Undefined for nobody in particular. */
  readonly caller: Caller | undefined;
}

/** A page that listens. */
export class Listener {
  private answered = true;
  private messages = 0;

  constructor(
    readonly socket: WebSocket,
    readonly caller: Caller | undefined,
  ) {
    socket.on("pong", () => {
      this.answered = true;
    });
  }

  /** Tells it something; a page that does not read is closed, so that it costs bounded memory. */
  send(text: string): void {
    if (this.socket.readyState !== this.socket.OPEN) return;
    if (this.socket.bufferedAmount > MAX_BUFFERED_BYTES)
      closeSocket(this.socket, CLOSE_CODES.tryAgainLater, "too slow in reading");
    else this.socket.send(text);
  }

  /** Calls the listener for what the page says, as far as that is within its bounds. */
  onMessage(listener: (text: string) => void): void {
    this.socket.on("message", (data: RawData) => {
      this.messages += 1;
      if (this.messages <= MAX_MESSAGES) listener(data.toString());
      else closeSocket(this.socket, CLOSE_CODES.tryAgainLater, "too many messages");
    });
  }

  /** Asks whether it is there, and cuts it off where it has not answered the last time. */
  ping(): void {
    if (!this.answered) this.socket.terminate();
    else if (this.socket.readyState === this.socket.OPEN) {
      this.answered = false;
      this.socket.ping();
    }
  }
}

/** Every page that listens to something public: bounded in number, in memory and in time. */
export class Listeners {
  private readonly all = new Set<Listener>();
  private readonly perAddress = new Map<string, number>();
  private readonly ticks = new Set<() => void>();
  private timer: NodeJS.Timeout | undefined;
  private stopping = false;

  constructor(private readonly options: ListenersOptions) {}

  start(): void {
    this.timer = setInterval(() => {
      for (const listener of this.all) listener.ping();
      for (const tick of this.ticks) tick();
      // A session ends without anybody saying so.
      this.checkRights();
    }, this.options.pingMs ?? PING_MS);
    this.options.access.onRightsChanged(() => this.checkRights());
  }

  /** Calls the function as often as pages are asked whether they are there. */
  onTick(tick: () => void): void {
    this.ticks.add(tick);
  }

  /** @returns undefined where there are too many already; the socket is then closed. */
  admit(socket: WebSocket, { address, caller }: Viewer): Listener | undefined {
    socket.on("error", (error) => this.options.logger.warn({ err: toError(error) }, "a viewer's socket failed"));
    const key = addressKey(address);
    const here = this.perAddress.get(key) ?? 0;
    if (this.stopping || this.all.size >= this.options.maxSockets || here >= MAX_PER_ADDRESS) {
      const why = this.stopping ? "the orchestrator is stopping" : "too many viewers";
      closeSocket(socket, this.stopping ? CLOSE_CODES.goingAway : CLOSE_CODES.tryAgainLater, why);
      return undefined;
    }
    const listener = new Listener(socket, caller);
    this.all.add(listener);
    this.perAddress.set(key, here + 1);
    socket.once("close", () => {
      this.all.delete(listener);
      const left = (this.perAddress.get(key) ?? 1) - 1;
      if (left === 0) this.perAddress.delete(key);
      else this.perAddress.set(key, left);
    });
    return listener;
  }

  async stop(): Promise<void> {
    this.stopping = true;
    clearInterval(this.timer);
    await Promise.all(
      [...this.all].map(({ socket }) => {
        const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
        closeSocket(socket, CLOSE_CODES.goingAway, "the orchestrator is stopping");
        return closed;
      }),
    );
  }

  /** Whose rights have changed is shown something else, or nothing: the page comes back with what it has. */
  private checkRights(): void {
    const { access, logger } = this.options;
    for (const { caller, socket } of this.all) {
      if (caller === undefined) continue;
      access.stillIn(caller).then(
        (principal) => {
          if (!isDeepStrictEqual(principal?.grants, caller.principal.grants))
            closeSocket(socket, CLOSE_CODES.tryAgainLater, "the rights have changed; come back");
        },
        (error: unknown) => logger.warn({ err: toError(error) }, "a viewer's rights could not be read"),
      );
    }
  }
}
