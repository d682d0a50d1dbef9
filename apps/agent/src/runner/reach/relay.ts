import { once } from "node:events";
import { type AddressInfo, connect, createServer, isIP, type Server, type Socket } from "node:net";
import { pipeline } from "node:stream";
import { connect as connectTls } from "node:tls";
import { pinnedLookup } from "@stream-control/service-kit/egress";
import { failureWords, isRefused } from "./connecting.js";
import type { GatewayOptions } from "./gateway.js";
import { isOwnPeer } from "./own-peer.js";
import { RtspGuard } from "./rtsp-guard.js";

/** What a relay works with. */
export interface RelayOptions extends GatewayOptions {
  /** The far end, and the only one. */
  host: string;
  port: number;
  isTls: boolean;
  /** The far end speaks RTSP: told when it sends ffmpeg elsewhere, which is then cut off. */
  onRedirect?: () => void;
}

/**
 * Leads one ffmpeg on loopback to its server, at an address that was checked, and speaks TLS in its place with the host's
 * name: an ffmpeg that was given the address instead would not say the name.
 */
export class Relay {
  private readonly sockets = new Set<Socket>();
  /** The first connection, made before anybody asked for it. */
  private first: Socket | undefined;

  private constructor(
    private readonly server: Server,
    private readonly options: RelayOptions,
  ) {
    server.on("connection", (client) => void this.serve(client));
  }

  static async open(options: RelayOptions): Promise<Relay> {
    const server = createServer({ pauseOnConnect: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Relay(server, options);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Connects to the far end beforehand. @throws why that is not possible, which ffmpeg could not say. */
  async connectFirst(): Promise<void> {
    this.first = await this.connect();
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
      const first = this.first;
      this.first = undefined;
      const server = first === undefined || first.destroyed ? await this.connect() : first;
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
    const name = isIP(host) === 0 ? { servername: host } : {};
    // As ffmpeg does unless told otherwise: cameras and encoders sign for themselves.
    const socket = isTls ? connectTls({ ...to, ...name, rejectUnauthorized: false }) : connect(to);
    this.keep(socket);
    await once(socket, isTls ? "secureConnect" : "connect");
    return socket.on("error", () => {});
  }

  private join(client: Socket, server: Socket): void {
    const { onRedirect } = this.options;
    if (onRedirect === undefined) {
      pipeline(server, client, () => {});
    } else {
      const guard = new RtspGuard(onRedirect);
      client.on("data", (data) => guard.hear(data));
      pipeline(server, guard, client, () => {});
    }
    pipeline(client, server, () => {});
  }

  /** Answers an RTSP request with the reason, which ffmpeg then writes into its log; anybody else is just let down. */
  private explain(client: Socket, words: string): void {
    if (this.options.onRedirect === undefined) {
      client.destroy();
      return;
    }
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
