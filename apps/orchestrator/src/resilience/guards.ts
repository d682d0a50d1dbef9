import type { CircuitBreaker } from "@stream-control/protocol";
import type { Logger } from "@stream-control/service-kit";
import type { Settings } from "../configuration/settings.js";
import { Guard, type GuardOptions } from "./guard.js";

/** Hosts of a family that are remembered; the one that was called the longest ago is forgotten for a new one. */
const MOST_OF_FAMILY = 200;

/** Guards of one kind of call, one for each host: what hangs for one must not keep others out. */
export interface GuardFamily {
  of(host: string): Guard;
}

/** Every guarded call of the service, by name. */
export class Guards {
  private readonly fixed = new Map<string, Guard>();
  private readonly families = new Map<string, Map<string, Guard>>();

  constructor(private readonly deps: { settings: Settings; now: () => Date; logger: Logger }) {}

  /** A guard with a name of its own. */
  guard(name: string, options: GuardOptions): Guard {
    const guard = this.make(name, options);
    this.fixed.set(name, guard);
    return guard;
  }

  /** Guards that are named `family:host`. */
  family(name: string, options: GuardOptions): GuardFamily {
    const members = new Map<string, Guard>();
    this.families.set(name, members);
    return {
      of: (host) => {
        const guard = members.get(host) ?? this.make(`${name}:${host}`, options);
        members.delete(host);
        members.set(host, guard);
        const [oldest] = members.keys();
        if (members.size > MOST_OF_FAMILY && oldest !== undefined) members.delete(oldest);
        return guard;
      },
    };
  }

  /** Of a family, only those that something was wrong with: the others are as good as new. */
  get states(): CircuitBreaker[] {
    const members = [...this.families.values()].flatMap((family) => [...family.values()]);
    const troubled = members
      .map(({ state }) => state)
      .filter(({ failures, state }) => failures > 0 || state !== "closed");
    return [...[...this.fixed.values()].map(({ state }) => state), ...troubled];
  }

  /**
   * Lets calls through again.
   *
   * @param name one of them, or a family with all its hosts; all there are unless given.
   * @returns the names of those that it was done for.
   */
  reset(name?: string): string[] {
    const all = [...this.fixed.values(), ...[...this.families.values()].flatMap((family) => [...family.values()])];
    const meant = all.filter((guard) => name === undefined || guard.name === name || guard.name.startsWith(`${name}:`));
    for (const guard of meant) guard.reset();
    return meant.map((guard) => guard.name);
  }

  /** Whether there is such a guard, or such a family. */
  has(name: string): boolean {
    return this.fixed.has(name) || this.families.has(name) || this.reachable(name) !== undefined;
  }

  private reachable(name: string): Guard | undefined {
    const [family = "", ...host] = name.split(":");
    return this.families.get(family)?.get(host.join(":"));
  }

  private make(name: string, options: GuardOptions): Guard {
    const { settings, now, logger } = this.deps;
    return new Guard(name, options, {
      ...{ settings, now },
      onState: ({ state, failures }) =>
        logger.warn({ breaker: name, state, failures }, "a circuit breaker has changed"),
    });
  }
}
