/** What came for one receiver and waits for it, one at a time: bounded, so that a slow one costs itself messages and nobody memory. */
export class Delivery<T> {
  dropped = 0;
  private readonly waiting: T[] = [];
  private running = false;
  private open = true;
  private idle: (() => void)[] = [];

  constructor(
    /** Never rejects. */
    private readonly handle: (message: T) => Promise<void>,
    private readonly options: { maxPending: number; onOverflow: () => void },
  ) {}

  push(message: T): void {
    if (!this.open) return;
    if (this.waiting.length >= this.options.maxPending) {
      this.waiting.shift();
      this.dropped += 1;
      this.options.onOverflow();
    }
    this.waiting.push(message);
    void this.next();
  }

  /** Takes nothing more; resolves when what came has been handled. */
  async drain(): Promise<void> {
    this.open = false;
    if (this.running) await new Promise<void>((resolve) => this.idle.push(resolve));
  }

  private async next(): Promise<void> {
    if (this.running) return;
    this.running = true;
    for (let message = this.waiting.shift(); message !== undefined; message = this.waiting.shift())
      await this.handle(message);
    this.running = false;
    for (const tell of this.idle.splice(0)) tell();
  }
}
