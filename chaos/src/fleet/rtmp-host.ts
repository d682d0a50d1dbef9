import { type PublisherSession, type RtmpServer, signal, startRtmpServer } from "@stream-control/test-kit";

/** A real RTMP server that can be killed and comes back at the same port, and what all its lives have seen. */
export class RtmpHost {
  private readonly earlier: PublisherSession[] = [];
  private up = true;

  private constructor(private server: RtmpServer) {}

  static async open(): Promise<RtmpHost> {
    return new RtmpHost(await startRtmpServer());
  }

  get sessions(): readonly PublisherSession[] {
    return [...this.earlier, ...(this.up ? this.server.sessions : [])];
  }

  url(stream: string): string {
    return this.server.url(stream);
  }

  freeze(): void {
    if (this.up) signal(this.server.pid, "SIGSTOP");
  }

  thaw(): void {
    if (this.up) signal(this.server.pid, "SIGCONT");
  }

  async kill(): Promise<void> {
    if (!this.up) return;
    await this.server.close();
    this.earlier.push(...this.server.sessions);
    this.up = false;
  }

  async start(): Promise<void> {
    if (this.up) return;
    this.server = await startRtmpServer({ port: this.server.port });
    this.up = true;
  }
}
