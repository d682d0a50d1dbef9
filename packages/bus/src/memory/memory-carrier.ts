import { type Bus, BusError, type BusLog, type BusState } from "../bus.js";
import { CarriedBus } from "../carried-bus.js";
import type { Carried, Carrier, Receiver } from "../carrier.js";
import { StateHolder } from "../carrier.js";
import { matches } from "../subject.js";
import { MemoryLeases } from "./memory-leases.js";

interface Listener {
  pattern: string;
  queue: string | undefined;
  receiver: Receiver;
}

/** What buses of one process share. */
export class MemoryHub {
  readonly leases = new MemoryLeases();
  private readonly listeners = new Set<Listener>();
  private readonly turns = new Map<string, number>();

  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** @returns how many get it. */
  send(message: Carried): number {
    const groups = new Map<string, Listener[]>();
    let count = 0;
    for (const listener of this.listeners) {
      if (!matches(listener.pattern, message.subject)) continue;
      if (listener.queue === undefined) {
        count += 1;
        this.hand(listener, message);
      } else {
        const group = `${listener.queue} ${listener.pattern}`;
        groups.set(group, [...(groups.get(group) ?? []), listener]);
      }
    }
    for (const [group, members] of groups) {
      const turn = (this.turns.get(group) ?? 0) + 1;
      this.turns.set(group, turn);
      const free = members.filter(({ receiver }) => receiver.hasRoom());
      const choice = free.length > 0 ? free : members;
      count += 1;
      this.hand(choice[turn % choice.length] as Listener, message);
    }
    return count;
  }

  /** Later, as over a wire: nobody who sends runs the code of who receives. */
  private hand(listener: Listener, message: Carried): void {
    setImmediate(() => {
      if (this.listeners.has(listener)) listener.receiver.take(message);
    });
  }
}

class MemoryCarrier implements Carrier {
  readonly kind = "memory";
  private readonly holder = new StateHolder();

  constructor(private readonly hub: MemoryHub) {}

  get leases() {
    return this.hub.leases;
  }

  get state(): BusState {
    return this.holder.value;
  }

  onState(listener: (state: BusState) => void): void {
    this.holder.listen(listener);
  }

  async send(subject: string, text: string): Promise<void> {
    this.hub.send({ subject, text });
  }

  request(subject: string, text: string, timeoutMs: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new BusError("TIMEOUT", `No answer on ${subject} within ${timeoutMs} ms.`)),
        timeoutMs,
      );
      const respond = async (answer: string) => {
        clearTimeout(timer);
        resolve(answer);
      };
      if (this.hub.send({ subject, text, respond }) > 0) return;
      clearTimeout(timer);
      reject(new BusError("NO_RESPONDERS", `Nobody answers on ${subject} now.`));
    });
  }

  async listen(pattern: string, queue: string | undefined, receiver: Receiver): Promise<() => Promise<void>> {
    const end = this.hub.listen({ pattern, queue, receiver });
    return async () => {
      // What was sent before counts as having come.
      await new Promise<void>((resolve) => setImmediate(resolve));
      end();
    };
  }

  async close(): Promise<void> {
    this.holder.set("closed");
  }
}

/** A bus inside this process: the default where one process is all there is, and in tests. */
export function memoryBus({ hub = new MemoryHub(), log }: { hub?: MemoryHub; log?: BusLog } = {}): Bus {
  return new CarriedBus(new MemoryCarrier(hub), log);
}
