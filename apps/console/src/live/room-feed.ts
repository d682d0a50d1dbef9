import type { JobEvent } from "@stream-control/protocol";
import { type LinkState, pauseMs } from "./link.js";
import { applyMessages, EMPTY_ROOM, eventsAmong, type RoomMessage, type RoomState } from "./room-state.js";

/** How long a hidden page, which is given no frames, lets news lie. */
const HIDDEN_INTERVAL_MS = 1000;
/** A socket that has not opened by then is tried anew. */
const SOCKET_OPEN_MS = 10_000;
/** After this time without a word it is asked whether the orchestrator is there at all. */
const SILENCE_MS = 10_000;
const SILENCE_LOOK_MS = 2500;

export interface RoomFeedOptions {
  /** Resolves with the address of the socket; rejects while the orchestrator is away. */
  address: () => Promise<string>;
  /** Whether the orchestrator answers: a link that broke without a goodbye looks like one on which nothing happens. */
  isThere: () => Promise<boolean>;
  /** Hears that whoever looks is not let in any more. */
  onShutOut: () => void;
}

/** The close code of a socket whose key or session does not count any more. */
const UNAUTHORIZED = 4001;

/**
 * Follows `/ui`: keeps the room as it is, comes back by itself, and tells what changed at most once per frame, however
 * many messages came meanwhile.
 */
export class RoomFeed {
  private state = EMPTY_ROOM;
  private linkState: LinkState = { kind: "connecting" };
  private readonly watchers = new Set<() => void>();
  private readonly listeners = new Set<(events: readonly JobEvent[]) => void>();
  private waiting: RoomMessage[] = [];
  private frame: (() => void) | undefined;
  private socket: WebSocket | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private attempt = 0;
  private awaySinceMs: number | undefined;
  private running = false;
  private heardAtMs = 0;
  private looking: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly options: RoomFeedOptions) {}

  readonly room = (): RoomState => this.state;
  readonly link = (): LinkState => this.linkState;

  /** Calls back after every change, once per frame. @returns the way to stop it. */
  readonly watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  /** Calls back with every event of every job, those that were missed included. @returns the way to stop it. */
  readonly listen = (listener: (events: readonly JobEvent[]) => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  start(): void {
    if (this.running) return;
    this.running = true;
    addEventListener("online", this.tryNow);
    document.addEventListener("visibilitychange", this.becameVisible);
    this.looking = setInterval(() => this.lookIntoSilence(), SILENCE_LOOK_MS);
    this.connect();
  }

  stop(): void {
    this.running = false;
    removeEventListener("online", this.tryNow);
    document.removeEventListener("visibilitychange", this.becameVisible);
    clearTimeout(this.retry);
    clearInterval(this.looking);
    this.frame?.();
    this.socket?.close();
  }

  /** Tries at once instead of waiting for the pause to end. */
  readonly tryNow = (): void => {
    if (!this.running || this.linkState.kind !== "away") return;
    clearTimeout(this.retry);
    this.connect();
  };

  private readonly becameVisible = (): void => {
    if (!document.hidden) this.tryNow();
  };

  private connect(): void {
    this.options
      .address()
      .then((address) => this.open(address))
      .catch(() => this.lost());
  }

  private open(address: string): void {
    if (!this.running) return;
    const since = this.state.seq;
    const socket = new WebSocket(since === undefined ? address : withParameter(address, "since", String(since)));
    this.socket = socket;
    const tooLong = setTimeout(() => socket.close(), SOCKET_OPEN_MS);
    socket.addEventListener("open", () => {
      clearTimeout(tooLong);
      this.attempt = 0;
      this.heardAtMs = Date.now();
      this.awaySinceMs = undefined;
      this.setLink({ kind: "live" });
    });
    socket.addEventListener("message", ({ data }) => {
      this.heardAtMs = Date.now();
      this.take(String(data));
    });
    socket.addEventListener("close", ({ code }) => {
      clearTimeout(tooLong);
      if (socket !== this.socket) return;
      if (code === UNAUTHORIZED) this.options.onShutOut();
      this.lost();
    });
  }

  private lookIntoSilence(): void {
    const { socket } = this;
    if (socket === undefined || this.linkState.kind !== "live" || Date.now() - this.heardAtMs < SILENCE_MS) return;
    this.heardAtMs = Date.now();
    void this.options.isThere().then((isThere) => {
      if (isThere || socket !== this.socket) return;
      // Its closing handshake is answered by nobody.
      this.socket = undefined;
      socket.close();
      this.lost();
    });
  }

  private lost(): void {
    if (!this.running) return;
    const pause = pauseMs(this.attempt);
    this.attempt += 1;
    this.awaySinceMs ??= Date.now();
    this.setLink({ kind: "away", sinceMs: this.awaySinceMs, retryAtMs: Date.now() + pause });
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.connect(), pause);
  }

  private setLink(state: LinkState): void {
    this.linkState = state;
    for (const watcher of this.watchers) watcher();
  }

  private take(text: string): void {
    const message = readMessage(text);
    if (message === undefined) return;
    this.waiting.push(message);
    if (this.frame !== undefined) return;
    const flush = () => {
      this.frame = undefined;
      this.flush();
    };
    if (document.hidden) {
      const timer = setTimeout(flush, HIDDEN_INTERVAL_MS);
      this.frame = () => clearTimeout(timer);
    } else {
      const frame = requestAnimationFrame(flush);
      this.frame = () => cancelAnimationFrame(frame);
    }
  }

  private flush(): void {
    const messages = this.waiting;
    this.waiting = [];
    this.state = applyMessages(this.state, messages);
    for (const watcher of this.watchers) watcher();
    const events = eventsAmong(messages);
    if (events.length > 0) for (const listener of this.listeners) listener(events);
  }
}

/** A message in its envelope; undefined where it is none, which a newer orchestrator may send. */
function readMessage(text: string): RoomMessage | undefined {
  try {
    const message: unknown = JSON.parse(text);
    if (typeof message !== "object" || message === null || !("type" in message) || !("payload" in message)) return;
    return message as RoomMessage;
  } catch {
    return undefined;
  }
}

function withParameter(address: string, name: string, value: string): string {
  const url = new URL(address);
  url.searchParams.set(name, value);
  return url.href;
}
