import { DEFAULT_ROOM, EVERY_ROOM, type Grants, ROLES, type Role } from "@stream-control/protocol";

/** Somebody who has shown who they are. */
export interface Principal {
  /** `local`: a caller on this machine, in development, where nobody needs to sign in. */
  readonly kind: "key" | "user" | "local";
  /** Unique over all kinds and lasting, such as `key:9f2c…`. */
  readonly id: string;
  readonly name: string;
  readonly grants: Grants;
  /** When what they showed ends, in milliseconds since 1970; null where it does not. */
  readonly expiresAtMs: number | null;
}

const rank = (role: Role | undefined): number => (role === undefined ? -1 : ROLES.indexOf(role));

/** Whether a role includes another. */
export const includes = (role: Role | undefined, wanted: Role): boolean => rank(role) >= rank(wanted);

/** The role that grants give in a room; the greater one of the room's own and the one in every room. */
export function roleIn(grants: Grants, room: string): Role | undefined {
  const everywhere = grants[EVERY_ROOM];
  const here = Object.hasOwn(grants, room) ? grants[room] : undefined;
  return rank(here) > rank(everywhere) ? here : everywhere;
}

/** Whether the role is held in at least one room. */
export const holdsSomewhere = (grants: Grants, wanted: Role): boolean =>
  Object.values(grants).some((role) => includes(role, wanted));

/** The rooms in which the role is held; null for every room. */
export function roomsWith(grants: Grants, wanted: Role): readonly string[] | null {
  if (includes(grants[EVERY_ROOM], wanted)) return null;
  return Object.entries(grants).flatMap(([room, role]) => (includes(role, wanted) ? [room] : []));
}

/** The room of something new for which none was named: the caller's only one where there is just one. */
export function roomByDefault(grants: Grants, wanted: Role): string {
  const rooms = roomsWith(grants, wanted);
  return rooms?.length === 1 && rooms[0] !== undefined ? rooms[0] : DEFAULT_ROOM;
}

/** Grants out of a request body that names either. */
export const grantsOf = ({ role, grants }: { role?: Role | undefined; grants?: Grants | undefined }): Grants =>
  grants ?? { [EVERY_ROOM]: role ?? "viewer" };
