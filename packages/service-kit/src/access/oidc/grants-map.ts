import { EVERY_ROOM, type Grants, type Role, roleSchema, roomSchema } from "@stream-control/protocol";
import { includes } from "../principal.js";

/** What a group at the provider is worth here. */
export interface GroupGrant {
  readonly group: string;
  /** A room, or `*` for every one. */
  readonly room: string;
  readonly role: Role;
}

/**
 * Reads `group=room:role` entries, separated by commas. A group may stand in several of them, and may contain `=` and
 * `:`, as names of groups in directories do.
 *
 * @throws Error with a sentence that names the entry.
 */
export function parseGrantsMap(text: string): GroupGrant[] {
  const entries = text.split(",").map((entry) => entry.trim());
  return entries
    .filter((entry) => entry !== "")
    .map((entry) => {
      const [, group, room, roleName] = /^(.+)=([^=:]+):([a-z]+)$/.exec(entry) ?? [];
      const role = roleSchema.safeParse(roleName).data;
      const isRoom = room === EVERY_ROOM || roomSchema.safeParse(room).success;
      if (group === undefined || room === undefined || role === undefined || !isRoom)
        throw new Error(`"${entry}" is not group=room:role with one of the roles viewer, operator, admin`);
      return { group: group.trim(), room, role };
    });
}

/**
 * The rights of somebody whose claim has these groups; the greater role where several name the same room.
 *
 * @param claim a text or a list of texts; anything else is nobody's group.
 * @returns undefined where none of them is worth anything.
 */
export function grantsOfClaim(map: readonly GroupGrant[], claim: unknown): Grants | undefined {
  const groups = new Set<unknown>(Array.isArray(claim) ? claim : [claim]);
  const grants = new Map<string, Role>();
  for (const { group, room, role } of map)
    if (groups.has(group) && !includes(grants.get(room), role)) grants.set(room, role);
  return grants.size === 0 ? undefined : Object.fromEntries(grants);
}
