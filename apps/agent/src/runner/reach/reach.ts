import {
  addressParts,
  gatewayWay,
  isListening,
  pinnedWay,
  relayedWay,
  rtmpAddress,
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
import { failureWords, isRefused } from "./connecting.js";
import { Gateway } from "./gateway.js";
import { leadsNowhereElse } from "./places.js";
import { ProxyServer } from "./proxy-server.js";
import { type End, RefusedError, refusal, unreachable } from "./refusals.js";
import { Relay } from "./relay.js";

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

type OnRefused = (error: ErrorInfo) => void;

/** One end that is to be reached. */
interface Target {
  end: End;
  url: string;
  scheme: string;
  host: string;
  port: number | undefined;
  onRefused: OnRefused;
}

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
   * @throws RefusedError; CommandError where it can't be reached at present.
   */
  async source(source: Source, onRefused: OnRefused, attempt = 0): Promise<OpenWay> {
    if (source.type === "file" && !leadsNowhereElse(source.path)) throw new RefusedError(refusal("source", "path"));
    if (!("url" in source) || isListening(source)) return this.straight();
    const target = targetOf("source", source.url, onRefused);
    if (source.type === "http") return this.throughGateway(target);
    if (source.type === "rtsp" && source.transport === "tcp")
      return this.throughRelay(target, () => onRefused(refusal("source", "redirect")));
    return this.direct(target, attempt);
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
    return this.direct(targetOf("destination", url, onRefused), attempt);
  }

  /**
   * The checked addresses of a web address that is fetched without ffmpeg.
   *
   * @throws RefusedError; CommandError where it can't be reached at present.
   */
  webAddresses(url: string): Promise<string[]> {
    return this.addressesOf(targetOf("source", url, () => {}));
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

  private async direct(target: Target, attempt: number): Promise<OpenWay> {
    if (target.scheme === "rtmps") return this.throughRelay(target);
    const addresses = await this.addressesOf(target);
    return this.straight(pinnedWay(target.url, addresses[attempt % addresses.length] ?? ""));
  }

  private async throughGateway(target: Target): Promise<OpenWay> {
    // What may not be reached is told of before anything is started.
    await this.addressesOf(target);
    const gateway = new Gateway({ resolve: (name) => this.resolve(name), onRefused: hostRefused(target) });
    gateway.admit(target.url);
    const { address, remove } = await this.proxy.add((...exchange) => void gateway.forward(...exchange));
    const close = () => {
      remove();
      gateway.close();
    };
    return { way: gatewayWay(target.url), env: { ...this.options.env, http_proxy: address }, close };
  }

  /** @param onRedirect of RTSP, which says itself why it can't be reached. */
  private async throughRelay(target: Target, onRedirect?: () => void): Promise<OpenWay> {
    const { scheme, host, port = PORTS[scheme] ?? 0, url } = target;
    const relay = await Relay.open({
      ...{ host, port, isTls: scheme.endsWith("s") },
      ...{ resolve: (name) => this.resolve(name), onRefused: hostRefused(target) },
      ...(onRedirect === undefined ? {} : { onRedirect }),
    });
    try {
      if (onRedirect === undefined) await relay.connectFirst();
      else await this.addressesOf(target);
    } catch (thrown) {
      relay.close();
      throw this.asCommandError(target, thrown);
    }
    return { ...this.straight(relayedWay(url, relay.port)), close: () => relay.close() };
  }

  private resolve(host: string): Promise<string[]> {
    return resolveAllowed(host, { networks: this.networks, lookUp: this.lookUp });
  }

  private async addressesOf(target: Target): Promise<string[]> {
    try {
      return await this.resolve(target.host);
    } catch (thrown) {
      throw this.asCommandError(target, thrown);
    }
  }

  private asCommandError({ end, host }: Target, thrown: unknown): unknown {
    if (thrown instanceof CommandError) return thrown;
    if (isRefused(thrown)) return new RefusedError(refusal(end, "host", thrown.host));
    const isOfNetwork = thrown instanceof EgressError || (thrown instanceof Error && "code" in thrown);
    return isOfNetwork ? new CommandError(unreachable(end, host, failureWords(thrown))) : thrown;
  }
}

const hostRefused =
  ({ end, onRefused }: Target) =>
  (host: string): void =>
    onRefused(refusal(end, "host", host));

function targetOf(end: End, url: string, onRefused: OnRefused): Target {
  const parts = addressParts(url);
  if (parts === undefined) throw new RefusedError(refusal(end, "unreadable"));
  const { scheme, host, port } = parts;
  return { end, url, scheme, host, port, onRefused };
}
