import { Heaviest } from "./heaviest.js";
import type { DoorLimits } from "./limits.js";

/** What the guard can do to a connection. */
export interface Closable {
  destroy(): unknown;
}

/**
 * - `pending`: has not asked for anything yet, is still sending its request, or is a socket that has not said who it is.
 * - `resting`: kept open between two requests.
 * - `busy`: waits for an answer, or is a socket whose owner is known. It is never cut.
 */
export type ConnectionState = "pending" | "resting" | "busy";

/** One connection as the guard knows it. */
export class Connection {
  state: ConnectionState = "pending";
  /** Requests under way; a client may send several without waiting. */
  requests = 0;
  /** It has become a socket and asks for nothing more. */
  upgraded = false;

  constructor(
    readonly owner: string,
    readonly closable: Closable,
    /** Many callers may stand behind it, so that its owner has no share of its own. */
    readonly shared: boolean,
  ) {}
}

export type GuardLimits = Pick<DoorLimits, "maxConnections" | "maxConnectionsPerAddress" | "maxPendingConnections">;

/**
 * Keeps the number of connections bounded without starving anybody: when there are too many, an address with the most
 * loses the oldest of those that cost it nothing, resting ones first, then half-open ones. Only where every connection is
 * at work, the new one is turned away.
 */
export class ConnectionGuard {
  private readonly all = new Set<Connection>();
  private readonly perOwner = new Map<string, number>();
  private readonly pending = new Heaviest<Connection>();
  private readonly resting = new Heaviest<Connection>();
  /** How many it has cut since it was made. */
  cut = 0;

  constructor(private readonly limits: GuardLimits) {}

  get size(): number {
    return this.all.size;
  }
  get pendingSize(): number {
    return this.pending.size;
  }

  /** A connection was made. What has to go for it is destroyed, which may be the new one itself. */
  add(connection: Connection): void {
    const { owner } = connection;
    this.all.add(connection);
    this.perOwner.set(owner, (this.perOwner.get(owner) ?? 0) + 1);
    this.pending.add(owner, connection);
    const { maxConnections, maxConnectionsPerAddress, maxPendingConnections } = this.limits;
    if (this.pending.size > maxPendingConnections) this.end(this.pending.oldestOfHeaviest());
    if (!connection.shared && (this.perOwner.get(owner) ?? 0) > maxConnectionsPerAddress)
      this.end(this.resting.oldestOf(owner) ?? this.pending.oldestOf(owner));
    if (this.all.size > maxConnections) this.end(this.resting.oldestOfHeaviest() ?? this.pending.oldestOfHeaviest());
  }

  /** A connection goes over to another state. */
  set(connection: Connection, state: ConnectionState): void {
    if (connection.state === state || !this.all.has(connection)) return;
    this.listOf(connection.state)?.delete(connection.owner, connection);
    connection.state = state;
    this.listOf(state)?.add(connection.owner, connection);
  }

  /** A connection is gone. */
  remove(connection: Connection): void {
    if (!this.all.delete(connection)) return;
    const { owner } = connection;
    const left = (this.perOwner.get(owner) ?? 1) - 1;
    if (left === 0) this.perOwner.delete(owner);
    else this.perOwner.set(owner, left);
    this.listOf(connection.state)?.delete(owner, connection);
  }

  private listOf(state: ConnectionState): Heaviest<Connection> | undefined {
    if (state === "pending") return this.pending;
    return state === "resting" ? this.resting : undefined;
  }

  private end(connection: Connection | undefined): void {
    if (connection === undefined) return;
    this.cut += 1;
    // It counts as gone at once: its close event comes only after more may have been let in.
    this.remove(connection);
    connection.closable.destroy();
  }
}
