import { once } from "node:events";
import { type AddressInfo, connect, createServer, isIP, type Server, type Socket } from "node:net";
import { pipeline, Transform } from "node:stream";
import { connect as connectTls } from "node:tls";
import { failureWords, isRefused, pinnedLookup } from "./connecting.js";
import { isOwnPeer } from "./own-peer.js";
import type { TunnelOptions } from "./tunnel.js";

/** What a relay works with. */
export interface RtspRelayOptions extends TunnelOptions {
  /** The far end speaks RTSPS. */
  isTls: boolean;
  /** The far end sent ffmpeg elsewhere. */
  onRedirect: () => void;
}

/** A camera says everything before its pictures in less. */
const MAX_PRELUDE_BYTES = 256 * 1024;
const PLAY_LENGTH = "\nPLAY ".length;
/**
 * A status of redirection wherever ffmpeg could take it for one: it reads the number behind the first blank as `atoi` does,
 * and finds replies between packets as well as at the beginning of lines.
 */
const REDIRECTION = /RTSP\/[^\s]*\s+[+-]?0*3\d\d(?!\d)/;

/**
 * Leads one source's ffmpeg to its RTSP server, at an address that was checked, and cuts the connection when the server
 * redirects: ffmpeg would follow without asking anybody. It follows until it has asked for pictures (`PLAY`), so from
 * there on bytes go through as they are.
 */
export class RtspRelay {
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly options: RtspRelayOptions,
  ) {
    server.on("connection", (socket) => void this.serve(socket));
  }

  static async open(options: RtspRelayOptions): Promise<RtspRelay> {
    const server = createServer({ pauseOnConnect: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new RtspRelay(server, options);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private async serve(client: Socket): Promise<void> {
    this.keep(client);
    client.on("error", () => {});
    if (!isOwnPeer(client)) {
      client.destroy();
      return;
    }
    try {
      const server = await this.connect();
      if (client.destroyed) server.destroy();
      else this.join(client, server);
    } catch (thrown) {
      if (isRefused(thrown)) this.options.onRefused(thrown.host);
      this.explain(client, failureWords(thrown));
    }
  }

  private async connect(): Promise<Socket> {
    const { host, port, isTls, resolve } = this.options;
    const addresses = await resolve(host);
    const to = { host, port, lookup: pinnedLookup(addresses) };
    // As ffmpeg does unless told otherwise: cameras sign for themselves.
    const name = isIP(host) === 0 ? { servername: host } : {};
    const socket = isTls ? connectTls({ ...to, ...name, rejectUnauthorized: false }) : connect(to);
    this.keep(socket);
    await once(socket, isTls ? "secureConnect" : "connect");
    return socket.on("error", () => {});
  }

  private join(client: Socket, server: Socket): void {
    const { onRedirect } = this.options;
    let asked = "\n";
    let playing = false;
    client.on("data", (data) => {
      if (playing) return;
      asked += data.toString("latin1");
      playing = asked.includes("\nPLAY ");
      asked = asked.slice(-PLAY_LENGTH);
    });
    let prelude = "";
    const watch = new Transform({
      transform(data: Buffer, _, pass) {
        if (!playing) prelude += data.toString("latin1");
        const isRedirected = !playing && REDIRECTION.test(prelude);
        if (isRedirected) onRedirect();
        if (isRedirected || (!playing && prelude.length > MAX_PRELUDE_BYTES))
          pass(new Error("The server was cut off."));
        else pass(null, data);
      },
    });
    pipeline(server, watch, client, () => {});
    pipeline(client, server, () => {});
  }

  /** Answers ffmpeg's first request with the reason, which it then writes into its log. */
  private explain(client: Socket, words: string): void {
    client.once("data", (data) => {
      const [, sequence = "1"] = /CSeq: *(\d+)/i.exec(data.toString("latin1")) ?? [];
      client.end(`RTSP/1.0 503 ${words}\r\nCSeq: ${sequence}\r\n\r\n`);
    });
    client.resume();
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.once("close", () => this.sockets.delete(socket));
  }
}
