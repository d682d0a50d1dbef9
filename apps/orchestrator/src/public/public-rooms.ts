import { EVERY_ROOM } from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import { type Access, type Caller, roleIn } from "@stream-control/service-kit/access";
import type { Arrival } from "@stream-control/service-kit/http";

/** The rooms that anybody may look into. */
export class PublicRooms {
  private readonly rooms: ReadonlySet<string>;

  /** @param rooms their names; `*` is every room. */
  constructor(rooms: readonly string[]) {
    this.rooms = new Set(rooms);
  }

  has(room: string): boolean {
    return this.rooms.has(EVERY_ROOM) || this.rooms.has(room);
  }

  /** Whether somebody may see a room: because anybody may, or because of a role in it. */
  letsSee(caller: Caller | undefined, room: string): boolean {
    return this.has(room) || isMember(caller, room);
  }
}

/** Whether somebody has shown that they have a role in the room. */
export const isMember = (caller: Caller | undefined, room: string): boolean =>
  caller !== undefined && roleIn(caller.principal.grants, room) !== undefined;

/**
 * Who opens a public socket: whoever a ticket or a key says, otherwise nobody in particular. A cookie does not count: a
 * browser sends it whoever's page opens the socket.
 *
 * @throws AppError `UNAUTHENTICATED` for a ticket or a key that does not count.
 */
export async function callerOrNobody({ request, url }: Arrival, access: Access): Promise<Caller | undefined> {
  const ticket = url.searchParams.get("ticket");
  if (ticket !== null) return access.byTicket(request, ticket);
  const caller = await access.authenticate(request);
  return caller?.byCookie === true ? undefined : caller;
}

/** @throws AppError `UNAUTHENTICATED` or `NOT_FOUND` for a room that is neither public nor the caller's. */
export function requireSight(rooms: PublicRooms, caller: Caller | undefined, room: string): void {
  if (rooms.letsSee(caller, room)) return;
  if (caller !== undefined) throw new AppError("NOT_FOUND", "There is no such thing in your rooms.");
  throw new AppError("UNAUTHENTICATED", "This room is not public: sign in, or name it in PUBLIC_ROOMS.");
}
