import { Transform, type TransformCallback } from "node:stream";

/** What an HLS or a DASH playlist begins with, by which ffmpeg knows one too. */
const BEGINNING = /^\uFEFF?\s*(?:#EXTM3U|<\?xml|<MPD)/;
/** Bytes that are enough to tell. */
const HEAD_BYTES = 64;
/** No playlist is larger; what is larger is broken off. */
const MAX_BYTES = 16 * 1024 * 1024;

/** Told the host and port that the gateway has to speak TLS to, as {@link authorityOf} writes them. */
type OnTls = (authority: string) => void;

/** Host and port in one spelling, whichever they came in. */
export function authorityOf(host: string, port: number): string {
  const url = `http://${host}:${port}/`;
  return `${URL.canParse(url) ? new URL(url).hostname : host}:${port}`;
}

const HTTPS = /https:\/\/([^/?#\s"'<>@,]*@)?(\[[0-9a-f:.]+\]|[^/?#\s"'<>@:,]+)(?::(\d{1,5}))?/i;

/** An `https` address as ffmpeg asks the gateway for it: plain HTTP at the port that TLS has there. */
export function plainAddress(address: string, onTls: OnTls): string {
  return address.replace(HTTPS, (_, userinfo = "", host: string, port = "443") => {
    onTls(authorityOf(host, Number(port)));
    return `http://${userinfo}${host}:${port}`;
  });
}

/** Rewrites every `https` address of a playlist; see {@link plainAddress}. */
export function plainPlaylist(text: string, onTls: OnTls): string {
  return text.replaceAll(new RegExp(HTTPS, "gi"), (address) => plainAddress(address, onTls));
}

/** Passes a body on as it comes, but a playlist at its end and rewritten. */
export class PlaylistFilter extends Transform {
  private held: Buffer[] = [];
  private heldBytes = 0;
  private isPlaylist: boolean | undefined;

  /**
   * @param onKind called once, before the first byte is passed on; what it throws breaks the body off.
   * @param onTls see {@link plainAddress}.
   */
  constructor(
    private readonly onKind: (isPlaylist: boolean) => void,
    private readonly onTls: OnTls,
  ) {
    super();
  }

  override _transform(chunk: Buffer, _: BufferEncoding, callback: TransformCallback): void {
    if (this.isPlaylist === false) {
      callback(null, chunk);
      return;
    }
    this.held.push(chunk);
    this.heldBytes += chunk.length;
    this.attempt(callback, () => {
      if (this.isPlaylist === undefined && this.heldBytes >= HEAD_BYTES) this.decide();
      if (this.heldBytes > MAX_BYTES) throw new RangeError("The playlist is too large.");
    });
  }

  override _flush(callback: TransformCallback): void {
    this.attempt(callback, () => {
      if (this.isPlaylist === undefined) this.decide();
      if (this.isPlaylist === true) this.push(plainPlaylist(this.takeHeld().toString("utf8"), this.onTls));
    });
  }

  private decide(): void {
    this.isPlaylist = BEGINNING.test(Buffer.concat(this.held).subarray(0, HEAD_BYTES).toString("utf8"));
    this.onKind(this.isPlaylist);
    if (!this.isPlaylist) this.push(this.takeHeld());
  }

  private takeHeld(): Buffer {
    const bytes = Buffer.concat(this.held);
    this.held = [];
    this.heldBytes = 0;
    return bytes;
  }

  /** What a stream's own method throws would end the process. */
  private attempt(callback: TransformCallback, act: () => void): void {
    try {
      act();
    } catch (thrown) {
      callback(thrown instanceof Error ? thrown : new Error(String(thrown)));
      return;
    }
    callback();
  }
}
