import { Transform, type TransformCallback } from "node:stream";

/** A camera says everything before its pictures in less. */
const MAX_PRELUDE_BYTES = 256 * 1024;
const PLAY = "\nPLAY ";
/**
 * A status of redirection wherever ffmpeg could take it for one: it reads the number behind the first blank as `atoi` does,
 * and finds replies between packets as well as at the beginning of lines.
 */
const REDIRECTION = /RTSP\/[^\s]*\s+[+-]?0*3\d\d(?!\d)/;

/**
 * What an RTSP server says on its way to ffmpeg, broken off where it redirects: ffmpeg would follow without asking anybody.
 * It follows until it has asked for pictures (`PLAY`), so from there on bytes go through as they are.
 */
export class RtspGuard extends Transform {
  private prelude = "";
  private asked = "\n";
  private playing = false;

  constructor(private readonly onRedirect: () => void) {
    super();
  }

  /** Looks at what ffmpeg says, before it goes to the server. */
  hear(request: Buffer): void {
    if (this.playing) return;
    this.asked += request.toString("latin1");
    this.playing = this.asked.includes(PLAY);
    this.asked = this.asked.slice(-PLAY.length);
  }

  override _transform(data: Buffer, _: BufferEncoding, pass: TransformCallback): void {
    if (!this.playing) this.prelude += data.toString("latin1");
    const isRedirected = !this.playing && REDIRECTION.test(this.prelude);
    if (isRedirected) this.onRedirect();
    const isTooLong = !this.playing && this.prelude.length > MAX_PRELUDE_BYTES;
    if (isRedirected || isTooLong) pass(new Error("The server was cut off."));
    else pass(null, data);
  }
}
