import { EVERY_ROOM, roomSchema } from "@stream-control/protocol";
import { ConfigError, envVar } from "@stream-control/service-kit";
import { AllowedNetworks } from "@stream-control/service-kit/egress";
import type { z } from "zod";

/** What of the service anybody may see, and from where the rest may be reached. */
export interface PublicSettings {
  /** Rooms whose streams and overlays anybody may see; `*` is every room. */
  rooms: readonly string[];
  /** Addresses outside the networks below reach nothing but what is public. */
  restricted: boolean;
  /** Networks as in `ALLOWED_NETWORKS` of an agent, such as `private` or `203.0.113.0/24`. */
  insideNetworks: readonly string[];
}

/** Private addresses, this machine, and the ones that machines give themselves on a network without a DHCP server. */
const INSIDE = ["private", "loopback", "169.254.0.0/16", "fe80::/10"] as const;
/** In place of a room's name: no room is public. */
const NO_ROOM = "none";

export const DEFAULT_PUBLIC: PublicSettings = { rooms: ["default"], restricted: false, insideNetworks: INSIDE };

/** Variables about what is public; to be spread into the service's own. */
export const publicVariables = {
  PUBLIC_ROOMS: envVar.list().optional(),
  ENABLE_PUBLIC_ACCESS_RESTRICTIONS: envVar.flag().default(false),
  INSIDE_NETWORKS: envVar.list().optional(),
};

/**
 * Turns the variables into settings.
 *
 * @throws ConfigError that names what is wrong.
 */
export function readPublic(values: z.infer<z.ZodObject<typeof publicVariables>>): PublicSettings {
  const { PUBLIC_ROOMS: given = DEFAULT_PUBLIC.rooms, INSIDE_NETWORKS: networks = INSIDE } = values;
  const rooms = given.length === 1 && given[0] === NO_ROOM ? [] : given;
  const wrong = rooms.find((room) => room !== EVERY_ROOM && !roomSchema.safeParse(room).success);
  if (wrong !== undefined)
    throw new ConfigError(`The configuration is wrong: PUBLIC_ROOMS: "${wrong}" is no room, and neither * nor none.`);
  try {
    AllowedNetworks.parse(networks);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError(`The configuration is wrong: INSIDE_NETWORKS: ${why}.`, { cause });
  }
  return { rooms, restricted: values.ENABLE_PUBLIC_ACCESS_RESTRICTIONS, insideNetworks: networks };
}

/** What is rarely meant: a proxy in front that the service does not know of. */
export const publicWarnings = ({ restricted }: PublicSettings, trustedProxies: readonly string[]): string[] =>
  restricted && trustedProxies.length === 0
    ? [
        "ENABLE_PUBLIC_ACCESS_RESTRICTIONS without TRUSTED_PROXIES: whoever comes through a proxy counts as outside; name the proxy where there is one.",
      ]
    : [];
