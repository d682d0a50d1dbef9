import { readFileSync } from "node:fs";
import type { Socket } from "node:net";

/**
 * Whether the other end of a loopback connection belongs to a process of this user, so that nobody else on the machine
 * can use what is meant for a job. True where the system does not say (anything but Linux).
 */
export function isOwnPeer({ remotePort, localPort }: Pick<Socket, "remotePort" | "localPort">): boolean {
  const uid = process.getuid?.();
  if (uid === undefined || remotePort === undefined || localPort === undefined) return true;
  let table: string;
  try {
    table = readFileSync("/proc/net/tcp", "utf8");
  } catch {
    return true;
  }
  // proc(5): the peer's own socket has its port on the local side; the addresses are hexadecimal, in the host's order.
  const own = new RegExp(
    `^ *\\d+: [0-9A-F]{8}:${hex(remotePort)} [0-9A-F]{8}:${hex(localPort)} (?:\\S+ +){4}(\\d+) `,
    "m",
  );
  return own.exec(table)?.[1] === String(uid);
}

const hex = (port: number) => port.toString(16).toUpperCase().padStart(4, "0");
