/** Something that runs work in one durable transaction. */
export type RunTransaction<Tx> = <T>(work: (tx: Tx) => Promise<T>) => Promise<T>;

interface Entry<Tx> {
  operation: (tx: Tx) => Promise<unknown>;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}

/** Keeps one commit from holding the event loop: at about 25 µs an operation this is some 5 ms. */
const MAX_OPERATIONS_PER_COMMIT = 200;

/**
 * Lets many writers share one commit, because a synced commit costs far more than the rows in it.
 *
 * Operations run one after another, in the order in which they were handed in, each seeing what those before it wrote.
 * A promise settles only after the commit that holds its operation is on disk. When an operation throws, its group is
 * rolled back and every operation of the group runs again in a transaction of its own, so that only the culprit fails:
 * an operation must therefore do nothing but read and write through its transaction handle.
 */
export class GroupCommit<Tx> {
  private queue: Entry<Tx>[] = [];
  private flushing: Promise<void> | undefined;

  constructor(private readonly runTransaction: RunTransaction<Tx>) {}

  write<T>(operation: (tx: Tx) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.queue.push({ operation, resolve: resolve as (value: unknown) => void, reject });
      this.flushing ??= this.flush();
    });
  }

  /** Resolves once everything handed in so far has settled. */
  async idle(): Promise<void> {
    while (this.flushing !== undefined) await this.flushing;
  }

  private async flush(): Promise<void> {
    // One turn of the event loop gathers what every socket that is readable now has to say.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.queue.length > 0) {
      const group = this.queue.splice(0, MAX_OPERATIONS_PER_COMMIT);
      await this.commit(group);
      if (this.queue.length > 0) await new Promise<void>((resolve) => setImmediate(resolve));
    }
    this.flushing = undefined;
  }

  private async commit(group: Entry<Tx>[]): Promise<void> {
    let results: unknown[];
    try {
      results = await this.runTransaction(async (tx) => {
        const values: unknown[] = [];
        for (const { operation } of group) values.push(await operation(tx));
        return values;
      });
    } catch (error) {
      const only = group.length === 1 ? group[0] : undefined;
      if (only !== undefined) only.reject(error);
      else for (const entry of group) await this.commit([entry]);
      return;
    }
    for (const [index, { resolve }] of group.entries()) resolve(results[index]);
  }
}
