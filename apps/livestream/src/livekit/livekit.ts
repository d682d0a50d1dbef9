import { AppError, toError } from "@stream-control/service-kit";
import {
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  ExponentialBackoff,
  handleWhen,
  isBrokenCircuitError,
  retry,
  wrap,
} from "cockatiel";
import { AccessToken, RoomServiceClient } from "livekit-server-sdk";
import type { Metadata } from "../streams/stream.js";

export interface LiveKitSettings {
  /** `wss://…` or `ws://…`; clients of LiveKit are told it too. */
  url: string;
  apiKey: string;
  apiSecret: string;
  /** How long a token lets somebody in. */
  tokenTtlSeconds: number;
  /** How long LiveKit keeps a room in which nobody is. */
  emptyTimeoutSeconds: number;
  /** How long a call may take. */
  timeoutMs: number;
}

/** Somebody whom LiveKit has in a room. */
export interface Guest {
  identity: string;
  sid: string;
  joinedAt: number;
  metadata: Metadata | null;
}

/** Calls in a row that must fail before LiveKit is left alone, and for how long. */
const BREAK_AFTER = 5;
const LEAVE_ALONE_MS = 5000;

/** LiveKit's rooms, behind a retry and a breaker. */
export class LiveKit {
  private readonly rooms: RoomServiceClient;
  private readonly breaker: CircuitBreakerPolicy;
  private readonly policy: ReturnType<typeof wrap>;
  private leftAloneUntil = 0;

  constructor(
    private readonly settings: LiveKitSettings,
    private readonly onCall: (method: string, outcome: "ok" | "refused" | "failed") => void = () => {},
  ) {
    const { url, apiKey, apiSecret, timeoutMs } = settings;
    this.rooms = new RoomServiceClient(url, apiKey, apiSecret, { requestTimeout: timeoutMs / 1000 });
    // What LiveKit refuses it refuses again; only what may be another time is tried again and counts as down.
    this.breaker = circuitBreaker(handleWhen(mayPass), {
      halfOpenAfter: LEAVE_ALONE_MS,
      breaker: new ConsecutiveBreaker(BREAK_AFTER),
    });
    this.breaker.onBreak(() => {
      this.leftAloneUntil = performance.now() + LEAVE_ALONE_MS;
    });
    const again = retry(
      handleWhen((error) => mayPass(error) && !isBrokenCircuitError(error)),
      { maxAttempts: 2, backoff: new ExponentialBackoff({ initialDelay: 100, maxDelay: 1000 }) },
    );
    this.policy = wrap(again, this.breaker);
  }

  /** Where clients of LiveKit connect. */
  get wsUrl(): string {
    return this.settings.url.replace(/^http/, "ws");
  }

  /** @throws AppError `LIVEKIT_UNAVAILABLE` where it is known to be away, without asking it. */
  demand(): void {
    if (this.isAway) throw away();
  }

  /** Once it has been left alone for long enough, the next call finds out. */
  get isAway(): boolean {
    return this.breaker.state === CircuitState.Open && performance.now() < this.leftAloneUntil;
  }

  /** Makes a room, or finds the one of this name. */
  async createRoom(name: string, metadata: Metadata | null): Promise<{ sid: string }> {
    const { emptyTimeoutSeconds: emptyTimeout } = this.settings;
    const more = metadata === null ? {} : { metadata: JSON.stringify(metadata) };
    const { sid } = await this.call("CreateRoom", () => this.rooms.createRoom({ name, emptyTimeout, ...more }));
    return { sid };
  }

  /** Ends a room and everybody's connection; one that is not there is as well. */
  async deleteRoom(name: string): Promise<void> {
    await this.call("DeleteRoom", async () => {
      try {
        await this.rooms.deleteRoom(name);
      } catch (thrown) {
        if (codeOf(thrown) !== "not_found") throw thrown;
      }
    });
  }

  /** Which of these rooms are there, by name. */
  async roomsOf(names: string[]): Promise<Map<string, { sid: string }>> {
    if (names.length === 0) return new Map();
    const rooms = await this.call("ListRooms", () => this.rooms.listRooms(names));
    return new Map(rooms.map(({ name, sid }) => [name, { sid }]));
  }

  /** Who is in a room; undefined where there is no such room. */
  guestsOf(room: string): Promise<Guest[] | undefined> {
    return this.call("ListParticipants", async () => {
      try {
        return (await this.rooms.listParticipants(room)).map(guestOf);
      } catch (thrown) {
        if (codeOf(thrown) === "not_found") return undefined;
        throw thrown;
      }
    });
  }

  /** Sends somebody out; one who is not there is out already. */
  async remove(room: string, identity: string): Promise<void> {
    await this.call("RemoveParticipant", async () => {
      try {
        await this.rooms.removeParticipant(room, identity);
      } catch (thrown) {
        if (codeOf(thrown) !== "not_found") throw thrown;
      }
    });
  }

  /** A token that lets somebody into a room. Made here, without asking LiveKit. */
  async token(room: string, identity: string, metadata: Metadata | null): Promise<string> {
    const { apiKey, apiSecret, tokenTtlSeconds: ttl } = this.settings;
    const more = metadata === null ? {} : { metadata: JSON.stringify(metadata) };
    const token = new AccessToken(apiKey, apiSecret, { identity, name: identity, ttl, ...more });
    token.addGrant({ roomJoin: true, room, canPublish: true, canSubscribe: true, canPublishData: true });
    return await token.toJwt();
  }

  /** @throws AppError with what to do about it. */
  private async call<T>(method: string, work: () => Promise<T>): Promise<T> {
    try {
      const value = (await this.policy.execute(work)) as T;
      this.onCall(method, "ok");
      return value;
    } catch (thrown) {
      const isPassing = mayPass(thrown);
      this.onCall(method, isPassing ? "failed" : "refused");
      if (isPassing) throw away(thrown);
      throw new AppError(
        "LIVEKIT_REFUSED",
        `LiveKit refused ${method}: ${toError(thrown).message}. Check LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET.`,
        { cause: thrown },
      );
    }
  }
}

/** A participant as LiveKit describes it, in its answers and webhooks. */
export function guestOf(info: {
  identity: string;
  sid: string;
  joinedAt: bigint;
  joinedAtMs: bigint;
  metadata: string;
}): Guest {
  const joinedAt = info.joinedAtMs > 0n ? Number(info.joinedAtMs) : Number(info.joinedAt) * 1000;
  return { identity: info.identity, sid: info.sid, joinedAt, metadata: metadataOf(info.metadata) };
}

/** LiveKit's metadata is any text; ours are objects. */
export function metadataOf(text: string): Metadata | null {
  if (text === "") return null;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Metadata;
  } catch {
    // No JSON; kept as it is below.
  }
  return { text };
}

const statusOf = (thrown: unknown): number | undefined => {
  const status = (thrown as { status?: unknown } | null | undefined)?.status;
  return typeof status === "number" ? status : undefined;
};

const codeOf = (thrown: unknown): unknown => (thrown as { code?: unknown } | null | undefined)?.code;

/** Whether the same call may succeed later: the network, a server that is down, overloaded or too slow. */
function mayPass(thrown: unknown): boolean {
  const status = statusOf(thrown);
  return status === undefined || status >= 500 || status === 429 || status === 408;
}

const away = (cause?: unknown): AppError =>
  new AppError("LIVEKIT_UNAVAILABLE", "LiveKit does not answer now. Try again in some seconds.", { cause });
