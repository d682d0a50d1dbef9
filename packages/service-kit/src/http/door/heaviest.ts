/**
 * Things by owner, each owner's in the order in which they came, that always knows an owner with the most of them. Every
 * operation takes constant time, however many owners there are: it runs under attack.
 */
export class Heaviest<T> {
  private readonly byOwner = new Map<string, Set<T>>();
  /** Owners by how many things they have. */
  private readonly byCount = new Map<number, Set<string>>();
  private most = 0;
  private total = 0;

  get size(): number {
    return this.total;
  }

  countOf(owner: string): number {
    return this.byOwner.get(owner)?.size ?? 0;
  }

  add(owner: string, thing: T): void {
    const things = this.byOwner.get(owner) ?? new Set<T>();
    if (things.has(thing)) return;
    this.byOwner.set(owner, things);
    things.add(thing);
    this.total += 1;
    this.moved(owner, things.size - 1, things.size);
  }

  delete(owner: string, thing: T): void {
    const things = this.byOwner.get(owner);
    if (things?.delete(thing) !== true) return;
    this.total -= 1;
    if (things.size === 0) this.byOwner.delete(owner);
    this.moved(owner, things.size + 1, things.size);
  }

  /** What came first of an owner's things. */
  oldestOf(owner: string): T | undefined {
    return this.byOwner.get(owner)?.values().next().value;
  }

  /** What came first of the things of an owner with the most. */
  oldestOfHeaviest(): T | undefined {
    const owner = this.byCount.get(this.most)?.values().next().value;
    return owner === undefined ? undefined : this.oldestOf(owner);
  }

  private moved(owner: string, from: number, to: number): void {
    const left = this.byCount.get(from);
    left?.delete(owner);
    if (left?.size === 0) this.byCount.delete(from);
    if (to > 0) {
      const joined = this.byCount.get(to) ?? new Set<string>();
      this.byCount.set(to, joined);
      joined.add(owner);
    }
    // A count changes by one, so the most does too.
    if (to > this.most || !this.byCount.has(this.most)) this.most = to;
  }
}
