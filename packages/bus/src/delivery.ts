/** What came for one receiver and waits for it: bounded, so that a slow one costs itself messages and nobody memory. */
export class Delivery<T> {
  dropped = 0;
  private readonly waiting: T[] = [];
  private running = 0;
  private open = true;
  private idle: (() => void)[] = [];

  constructor(
    private readonly handle: (message: T) => Promise<void>,
    private readonly options: { maxPending: number; concurrency: number; onOverflow: () => void },
  ) {}

  /** @returns whether the receiver has room, so that one of its queue who has more may be asked instead. */
  get hasRoom(): boolean {
    return this.open && this.waiting.length < this.options.maxPending;
  }

  push(message: T): void {
    if (!this.open) return;
    if (this.waiting.length >= this.options.maxPending) {
      this.waiting.shift();
      this.dropped += 1;
      this.options.onOverflow();
    }
    this.waiting.push(message);
    this.next();
  }

  /** Takes nothing more; resolves when what came has been handled. */
  async drain(): Promise<void> {
    this.open = false;
    if (this.running === 0 && this.waiting.length === 0) return;
    await new Promise<void>((resolve) => this.idle.push(resolve));
  }

  private next(): void {
    while (this.running < this.options.concurrency && this.waiting.length > 0) {
      const message = this.waiting.shift() as T;
      this.running += 1;
      void this.handle(message).finally(() => {
        this.running -= 1;
        this.next();
        if (this.running === 0 && this.waiting.length === 0) for (const tell of this.idle.splice(0)) tell();
      });
    }
  }
}
