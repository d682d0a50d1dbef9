import type { Filter } from "@stream-control/proto/scenes";
import { UpdateGate } from "../wire/filter.js";

/** Somebody who follows a timeline. */
export interface Subscriber {
  readonly clientId: string;
  /** Whose client it is; several clients of one count once. */
  readonly clientName: string;
  readonly sourceAddr: string;
  readonly since: number;
  lastSeen: number;
  /** Where they have a subject of their own, what is published there. */
  readonly gate: UpdateGate | undefined;
}

export interface SubscriberStats {
  readonly total: number;
  readonly active: number;
  readonly stale: number;
  readonly uniqueClients: number;
}

/** Who follows one timeline. Times are of a clock that only runs forward. */
export class Subscribers {
  private readonly byId = new Map<string, Subscriber>();
  /** Those with a subject of their own. */
  readonly own = new Set<Subscriber>();

  get size(): number {
    return this.byId.size;
  }

  /** Adds somebody, or takes note of them again. @returns whether they are new. */
  register(
    given: {
      clientId: string;
      clientName: string;
      sourceAddr: string;
      filter?: Filter | undefined;
      ownSubject: boolean;
    },
    now: number,
  ): boolean {
    const { clientId, clientName, sourceAddr, filter, ownSubject } = given;
    const before = this.byId.get(clientId);
    if (before !== undefined) this.own.delete(before);
    const gate = ownSubject && filter !== undefined ? new UpdateGate(filter) : undefined;
    const subscriber = { clientId, clientName, sourceAddr, since: before?.since ?? now, lastSeen: now, gate };
    this.byId.set(clientId, subscriber);
    if (ownSubject) this.own.add(subscriber);
    return before === undefined;
  }

  /** @returns whether they follow it. */
  heard(clientId: string, now: number): boolean {
    const subscriber = this.byId.get(clientId);
    if (subscriber === undefined) return false;
    subscriber.lastSeen = now;
    return true;
  }

  has(clientId: string): boolean {
    return this.byId.has(clientId);
  }

  /** @returns whether they followed it. */
  unregister(clientId: string): boolean {
    const subscriber = this.byId.get(clientId);
    if (subscriber === undefined) return false;
    this.own.delete(subscriber);
    return this.byId.delete(clientId);
  }

  /** Drops everybody who was last heard of before a moment. @returns their ids. */
  dropStale(before: number): string[] {
    const dropped = [...this.byId.values()].flatMap(({ clientId, lastSeen }) => (lastSeen < before ? [clientId] : []));
    for (const clientId of dropped) this.unregister(clientId);
    return dropped;
  }

  stats(activeSince: number): SubscriberStats {
    let active = 0;
    const names = new Set<string>();
    for (const { lastSeen, clientName } of this.byId.values()) {
      if (lastSeen >= activeSince) active += 1;
      names.add(clientName);
    }
    return { total: this.byId.size, active, stale: this.byId.size - active, uniqueClients: names.size };
  }
}
