import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** How the fake fails: an error of Twirp, no answer at all, or a cut connection. */
export type LiveKitFault = { code: string; status: number } | "hang" | "cut";

interface Guest {
  sid: string;
  identity: string;
  joinedAtMs: number;
  metadata: string;
}

interface Room {
  sid: string;
  name: string;
  metadata: string;
  emptyTimeout: number;
  creationTimeMs: number;
  guests: Map<string, Guest>;
}

/** Which grant a method asks for: https://github.com/livekit/livekit/blob/master/pkg/service/auth.go */
const GRANTS: Record<string, string> = {
  CreateRoom: "roomCreate",
  DeleteRoom: "roomCreate",
  ListRooms: "roomList",
  ListParticipants: "roomAdmin",
  RemoveParticipant: "roomAdmin",
};

/**
 * A LiveKit server as far as rooms go: it speaks Twirp over JSON, checks tokens and grants, keeps rooms and who is in them, and
 * sends webhooks as LiveKit signs them, when and as often as the test says. It has no media.
 */
export class FakeLiveKit {
  readonly apiKey = `key-${randomBytes(4).toString("hex")}`;
  readonly apiSecret = randomBytes(24).toString("hex");
  readonly rooms = new Map<string, Room>();
  /** Methods in the order in which they were called, failed ones too. */
  readonly calls: string[] = [];
  /** What every call meets, until it is taken away. */
  fault: LiveKitFault | undefined;
  /** Webhooks that a real server would have sent by now, in their order; {@link flush} sends them. */
  readonly pending: object[] = [];
  private readonly server: Server = createServer((request, response) => void this.answer(request, response));

  static async start(): Promise<FakeLiveKit> {
    const fake = new FakeLiveKit();
    fake.server.listen(0, "127.0.0.1");
    await once(fake.server, "listening");
    return fake;
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, "close");
  }

  /** Somebody connects to a room, which is made where it is not there, as LiveKit does. */
  join(roomName: string, identity: string, { metadata = "", atMs = Date.now() } = {}): Guest {
    const room = this.rooms.get(roomName) ?? this.makeRoom(roomName, "", 300);
    const before = room.guests.get(identity);
    if (before !== undefined) this.leave(roomName, identity);
    const guest = { sid: id("PA"), identity, joinedAtMs: atMs, metadata };
    room.guests.set(identity, guest);
    this.tell("participant_joined", room, guest, atMs);
    return guest;
  }

  leave(roomName: string, identity: string, { atMs = Date.now() } = {}): void {
    const room = this.rooms.get(roomName);
    const guest = room?.guests.get(identity);
    if (room === undefined || guest === undefined) return;
    room.guests.delete(identity);
    this.tell("participant_left", room, guest, atMs);
  }

  /** Ends a room as an empty one ends by itself. */
  finish(roomName: string): void {
    const room = this.rooms.get(roomName);
    if (room === undefined) return;
    for (const identity of [...room.guests.keys()]) this.leave(roomName, identity);
    this.rooms.delete(roomName);
    this.tell("room_finished", room);
  }

  /** An event as it is sent. */
  tell(event: string, room: Room, guest?: Guest, atMs = Date.now()): object {
    const message = {
      ...{ event, id: id("EV"), createdAt: String(Math.floor(atMs / 1000)), room: roomJson(room) },
      ...(guest === undefined ? {} : { participant: guestJson(guest) }),
    };
    this.pending.push(message);
    return message;
  }

  /** Sends everything that is pending to a receiver, in order, and expects it to be taken. */
  async flush(url: string): Promise<void> {
    for (const message of this.pending.splice(0)) {
      const status = await this.send(url, message);
      if (status !== 200) throw new Error(`The webhook was answered with ${status}.`);
    }
  }

  /** Sends one webhook, signed unless told otherwise. @returns the status of the answer. */
  async send(
    url: string,
    message: object,
    { body = JSON.stringify(message), secret = this.apiSecret } = {},
  ): Promise<number> {
    const signed = JSON.stringify(message);
    const nowS = Math.floor(Date.now() / 1000);
    const sha256 = createHash("sha256").update(signed).digest("base64");
    const token = jwt({ iss: this.apiKey, nbf: nowS - 5, exp: nowS + 300, sha256 }, secret);
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/webhook+json", "user-agent": "LiveKit", authorization: token },
      body,
    });
    await response.arrayBuffer();
    return response.status;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = request.url?.match(/^\/twirp\/livekit\.RoomService\/(\w+)$/)?.[1] ?? "";
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    this.calls.push(method);
    if (this.fault === "hang") return;
    if (this.fault === "cut") {
      request.socket.destroy();
      return;
    }
    if (this.fault !== undefined) return failure(response, this.fault.status, this.fault.code, "as the test wants it");
    const claims = verify(request.headers.authorization ?? "", this.apiSecret, this.apiKey);
    if (claims === undefined) {
      response.writeHead(401).end("invalid authorization token");
      return;
    }
    const body = JSON.parse(Buffer.concat(chunks).toString() || "{}") as Record<string, unknown>;
    const grant = GRANTS[method];
    const video = (claims.video ?? {}) as Record<string, unknown>;
    const roomOf = String(body.room ?? "");
    if (grant === undefined) return failure(response, 404, "bad_route", `no handler for ${method}`);
    if (video[grant] !== true || (grant === "roomAdmin" && video.room !== roomOf))
      return failure(response, 401, "unauthenticated", "permissions denied");
    const done = this.carryOut(method, body, roomOf);
    if (done === undefined) return failure(response, 404, "not_found", "requested room or participant does not exist");
    // The SDK reads errors and answers of this very type alone.
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(done));
  }

  private carryOut(method: string, body: Record<string, unknown>, roomOf: string): object | undefined {
    const name = String(body.name ?? "");
    switch (method) {
      case "CreateRoom":
        return roomJson(
          this.rooms.get(name) ?? this.makeRoom(name, String(body.metadata ?? ""), Number(body.emptyTimeout ?? 300)),
        );
      case "DeleteRoom": {
        if (!this.rooms.has(roomOf)) return undefined;
        this.finish(roomOf);
        return {};
      }
      case "ListRooms": {
        const names = body.names as string[] | undefined;
        const some = [...this.rooms.values()].filter((room) => names === undefined || names.includes(room.name));
        return { rooms: some.map(roomJson) };
      }
      case "ListParticipants": {
        const room = this.rooms.get(roomOf);
        return room && { participants: [...room.guests.values()].map(guestJson) };
      }
      default: {
        if (this.rooms.get(roomOf)?.guests.has(String(body.identity)) !== true) return undefined;
        this.leave(roomOf, String(body.identity));
        return {};
      }
    }
  }

  private makeRoom(name: string, metadata: string, emptyTimeout: number): Room {
    const room = { sid: id("RM"), name, metadata, emptyTimeout, creationTimeMs: Date.now(), guests: new Map() };
    this.rooms.set(name, room);
    this.tell("room_started", room);
    return room;
  }
}

const id = (kind: string): string => `${kind}_${randomBytes(6).toString("base64url")}`;

const roomJson = ({ sid, name, metadata, emptyTimeout, creationTimeMs, guests }: Room) => ({
  ...{ sid, name, metadata, emptyTimeout, numParticipants: guests.size },
  creationTime: String(Math.floor(creationTimeMs / 1000)),
});

const guestJson = ({ sid, identity, joinedAtMs, metadata }: Guest) => ({
  ...{ sid, identity, name: identity, state: "ACTIVE", metadata },
  ...{ joinedAt: String(Math.floor(joinedAtMs / 1000)), joinedAtMs: String(joinedAtMs) },
});

function failure(response: ServerResponse, status: number, code: string, msg: string): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ code, msg }));
}

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const signature = (text: string, secret: string): string =>
  createHmac("sha256", secret).update(text).digest("base64url");

function jwt(claims: object, secret: string): string {
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${text}.${signature(text, secret)}`;
}

/** The claims of a token of this key that is valid now. */
function verify(header: string, secret: string, key: string): Record<string, unknown> | undefined {
  const [, token = ""] = /^Bearer (.+)$/.exec(header) ?? [];
  const [head = "", claims = "", mac = ""] = token.split(".");
  const wanted = Buffer.from(signature(`${head}.${claims}`, secret));
  const given = Buffer.from(mac);
  if (wanted.length !== given.length || !timingSafeEqual(wanted, given)) return undefined;
  const read = JSON.parse(Buffer.from(claims, "base64url").toString()) as Record<string, unknown>;
  return read.iss === key && Number(read.exp) * 1000 > Date.now() ? read : undefined;
}
