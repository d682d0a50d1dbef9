import type { Server } from "node:https";
import { toError } from "../../errors.js";
import type { Logger } from "../../logger.js";
import { loadTls, type TlsFiles, type TlsMaterial } from "./tls-files.js";

/** How often the files are looked at. Their content is compared, since links that are switched keep their times. */
const LOOK_EVERY_MS = 10_000;

/**
 * Puts a renewed certificate into a running server. Connections that are open go on with the one that they began with.
 * Files that do not fit together, as they are for a moment while they are replaced one by one, leave the old one in place.
 */
export class TlsReloader {
  private timer: NodeJS.Timeout | undefined;
  private complaint = "";

  constructor(
    private readonly server: Server,
    private readonly files: TlsFiles,
    private current: TlsMaterial,
    private readonly logger: Logger,
    private readonly everyMs = LOOK_EVERY_MS,
  ) {}

  start(): void {
    this.timer = setInterval(() => void this.reload(), this.everyMs);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Looks at the files now. Never rejects: what is wrong with them is logged, and the old certificate stays. */
  async reload(): Promise<void> {
    try {
      const found = await loadTls(this.files);
      this.complaint = "";
      if (found.digest === this.current.digest) return;
      this.server.setSecureContext(found.options);
      this.current = found;
      this.logger.info("the TLS certificate was renewed");
    } catch (thrown) {
      const { message } = toError(thrown);
      // Once per fault, not once per look.
      if (message !== this.complaint)
        this.logger.error({ reason: message }, "the TLS files are broken; the old certificate stays");
      this.complaint = message;
    }
  }
}
