import {
  addressParts,
  gatewayWay,
  isListening,
  pinnedWay,
  relayedWay,
  rtmpAddress,
  TUNNELED,
  type Way,
} from "@stream-control/ffmpeg";
import type { Destination, ErrorInfo, Source } from "@stream-control/protocol";
import {
  AllowedNetworks,
  EgressError,
  lookUpAt,
  resolveAllowed,
  systemLookUp,
} from "@stream-control/service-kit/egress";
import type { RunnerSpec } from "../contract.js";
import { CommandError } from "../errors.js";
import { Gateway } from "./gateway.js";
import { leadsNowhereElse } from "./places.js";
import { ProxyServer } from "./proxy-server.js";
import { hostNotFound, RefusedError, refusal } from "./refusals.js";
import { RtspRelay } from "./rtsp-relay.js";
import { openTunnel } from "./tunnel.js";

/** How one ffmpeg reaches its source or destination. */
export interface OpenWay {
  way: Way | undefined;
  /** The whole environment of that ffmpeg. */
  env: Record<string, string>;
  /** Closes what was opened for it; connections through it end. */
  close: () => void;
}

/** What a reach works with. */
export interface ReachOptions {
  policy: RunnerSpec["reach"];
  /** The environment of ffmpegs. */
  env: Record<string, string>;
}

type End = "source" | "destination";
type OnRefused = (error: ErrorInfo) => void;

/** The ports that protocols have where an address names none. */
const PORTS: Record<string, number> = { rtmps: 443, rtsp: 554, rtsps: 322 };

/**
 * Decides what the ffmpegs of one job may reach, and leads them there: hosts are resolved here, once for each connection,
 * every address is checked, and ffmpeg is given what was checked, or a way on loopback that leads there.
 */
export class Reach {
  private readonly networks: AllowedNetworks;
  private readonly lookUp;
  private readonly proxy = new ProxyServer();

  /** @throws RangeError for a policy that can't be read. */
  constructor(private readonly options: ReachOptions) {
    const { networks, dnsServers } = options.policy;
    this.networks = AllowedNetworks.parse(networks);
    this.lookUp = dnsServers === undefined ? systemLookUp : lookUpAt(dnsServers);
  }

  /**
   * Opens the way to a source.
   *
   * @param onRefused told when the source leads somewhere that may not be reached, after it was opened.
   * @param attempt counts from 0; each takes the next address of a host that has several.
   * @throws RefusedError, or CommandError where the host is not found.
   */
  async source(source: Source, onRefused: OnRefused, attempt = 0): Promise<OpenWay> {
    if (source.type === "file" && !leadsNowhereElse(source.path)) throw new RefusedError(refusal("source", "path"));
    if (!("url" in source) || isListening(source)) return this.straight();
    await this.addressesOf("source", source.url);
    const onRefusedHost = (host: string) => onRefused(refusal("source", "host", host));
    if (source.type === "http") return this.throughGateway(source.url, onRefusedHost);
    if (source.type === "rtsp" && source.transport === "tcp")
      return this.throughRelay(source.url, onRefusedHost, () => onRefused(refusal("source", "redirect")));
    return this.direct("source", source.url, onRefusedHost, attempt);
  }

  /** Opens the way to a destination; as {@link source}. */
  async destination(destination: Destination, onRefused: OnRefused, attempt = 0): Promise<OpenWay> {
    if (!("url" in destination)) {
      const files = destination.type === "file" ? [""] : ["/index.m3u8", "/index.m3u8.tmp"];
      const isThere = files.every((file) => leadsNowhereElse(destination.path + file));
      if (!isThere) throw new RefusedError(refusal("destination", "path"));
      return this.straight();
    }
    if (isListening(destination)) return this.straight();
    const url = destination.type === "rtmp" ? rtmpAddress(destination) : destination.url;
    return this.direct("destination", url, (host) => onRefused(refusal("destination", "host", host)), attempt);
  }

  /** Whether a file still is where it was when the job was accepted. */
  mayRead(path: string): boolean {
    return leadsNowhereElse(path);
  }

  close(): void {
    this.proxy.close();
  }

  private straight(way?: Way): OpenWay {
    return { way, env: this.options.env, close: () => {} };
  }

  private async direct(end: End, url: string, onRefused: (host: string) => void, attempt: number): Promise<OpenWay> {
    const { scheme, host, port } = this.partsOf(end, url);
    const addresses = await this.addressesOf(end, url);
    if (scheme !== "rtmps") return this.straight(pinnedWay(url, addresses[attempt % addresses.length] ?? ""));
    const tunnel = openTunnel({ host, port: port ?? 443, resolve: (name) => this.resolve(name), onRefused });
    const { address, remove } = await this.proxy.add({
      onConnect: (...connect) => void tunnel(...connect),
    });
    return { way: TUNNELED, env: { ...this.options.env, http_proxy: address }, close: remove };
  }

  private async throughGateway(url: string, onRefused: (host: string) => void): Promise<OpenWay> {
    const gateway = new Gateway({ resolve: (name) => this.resolve(name), onRefused });
    gateway.admit(url);
    const { address, remove } = await this.proxy.add({
      onRequest: (request, response) => void gateway.forward(request, response),
    });
    const close = () => {
      remove();
      gateway.close();
    };
    return { way: gatewayWay(url), env: { ...this.options.env, http_proxy: address }, close };
  }

  private async throughRelay(url: string, onRefused: (host: string) => void, onRedirect: () => void): Promise<OpenWay> {
    const { scheme, host, port = PORTS[scheme] ?? 554 } = this.partsOf("source", url);
    const resolve = (name: string) => this.resolve(name);
    const relay = await RtspRelay.open({ host, port, isTls: scheme === "rtsps", resolve, onRefused, onRedirect });
    return { ...this.straight(relayedWay(relay.port)), close: () => relay.close() };
  }

  private resolve(host: string): Promise<string[]> {
    return resolveAllowed(host, { networks: this.networks, lookUp: this.lookUp });
  }

  private async addressesOf(end: End, url: string): Promise<string[]> {
    const { host } = this.partsOf(end, url);
    try {
      return await this.resolve(host);
    } catch (thrown) {
      if (!(thrown instanceof EgressError)) throw thrown;
      if (thrown.code === "HOST_NOT_FOUND") throw new CommandError(hostNotFound(end, thrown.host));
      throw new RefusedError(refusal(end, "host", thrown.host));
    }
  }

  private partsOf(end: End, url: string) {
    const parts = addressParts(url);
    if (parts === undefined) throw new RefusedError(refusal(end, "unreadable"));
    return parts;
  }
}
