import { AppError, backoffMs, type Logger, toError } from "@stream-control/service-kit";
import { asSystem } from "@stream-control/service-kit/http";
import type { Account } from "../api/client.js";
import { YouTubeError } from "../api/errors.js";
import { failureOf, within } from "../api/failures.js";
import type { AuthClient, Library, YouTubeService } from "../api/library.js";
import { YOUTUBE_SCOPE, type YouTubeSettings } from "../settings.js";
import { type AccountRows, fingerprint, type StoredAccount } from "./account-rows.js";

export interface ConnectionOptions {
  settings: YouTubeSettings;
  rows: AccountRows;
  /** Loads Google's library, once. */
  load: () => Promise<Library>;
  /** Asks YouTube whose account it is. */
  channelOf: () => Promise<{ id: string; title: string } | undefined>;
  logger: Logger;
  now: () => Date;
}

/** `unverified`: there is a token, and YouTube has not been reached with it since the start. */
export type ConnectionState = "disconnected" | "unverified" | "connected" | "reconnect";

/** How the connection stands, without anything secret. */
export interface ConnectionView {
  state: ConnectionState;
  /** Where the token in use comes from. */
  tokenSource: "stored" | "environment" | null;
  channel: { id: string; title: string } | null;
  connectedAt: string | null;
  problem: { code: string; message: string; at: string } | null;
}

const VERIFY_BASE_MS = 5000;
const VERIFY_MAX_MS = 300_000;
/** A token that is not used for six months ends; and one that was revoked is better known before the next show. */
const VERIFY_EVERY_MS = 6 * 3_600_000;

/** The one YouTube channel, and the refresh token by which calls are made in its name. It can be changed at any time. */
export class Connection implements Account {
  private stored: StoredAccount = { refreshToken: null, channel: null, connectedAt: null, problem: null };
  private library: Promise<Library> | undefined;
  private current: { token: string; client: AuthClient; service: YouTubeService } | undefined;
  private verified = false;
  private attempts = 0;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  private readonly listeners = new Set<() => void>();

  constructor(private readonly options: ConnectionOptions) {}

  /** Reads what is stored and begins to look whether it still counts; YouTube need not be there for that. */
  async start(): Promise<void> {
    this.stored = await this.options.rows.load();
    if (this.token !== undefined) this.verifyIn(0);
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  /** Calls the listener whenever the state may have changed. */
  onChange(listener: () => void): void {
    this.listeners.add(listener);
  }

  /** Whether calls make sense now. */
  get usable(): boolean {
    return this.token !== undefined && this.problem === null;
  }

  view(): ConnectionView {
    const { token, problem } = this;
    const { refreshToken, channel, connectedAt } = this.stored;
    const state =
      token === undefined ? "disconnected" : problem ? "reconnect" : this.verified ? "connected" : "unverified";
    return {
      state,
      tokenSource: token === undefined ? null : refreshToken === null ? "environment" : "stored",
      channel: token === undefined ? null : channel,
      connectedAt: refreshToken === null ? null : connectedAt,
      problem: problem && { code: problem.code, message: problem.message, at: problem.at },
    };
  }

  /** Where to send the browser of whoever may speak for the channel. */
  async authorizationUrl(state: string): Promise<string> {
    const client = (await this.loaded()).authClient();
    // Without `consent` Google gives a refresh token only the first time that somebody grants access.
    return client.generateAuthUrl({ access_type: "offline", prompt: "consent", scope: [YOUTUBE_SCOPE], state });
  }

  /**
   * Connects the channel of whoever granted access, in place of the one that was connected.
   *
   * @throws YouTubeError; AppError where no refresh token came.
   */
  async connect(code: string): Promise<void> {
    const { timeoutMs } = this.options.settings;
    const client = (await this.loaded()).authClient();
    const { tokens } = await within(timeoutMs, client.getToken(code)).catch((thrown: unknown) => {
      const error = failureOf(thrown);
      if (error.reason !== "invalid_grant") throw error;
      throw new YouTubeError({
        ...{ kind: "refused", reason: "invalid_grant" },
        message:
          "Google does not take the code: it was used before, is too old, or is not whole. Begin again with GET /oauth/auth-url.",
      });
    });
    const { refresh_token: refreshToken, scope } = tokens;
    if (refreshToken == null)
      throw new AppError(
        "YOUTUBE_REFUSED",
        "Google gave no refresh token. Remove this service's access at myaccount.google.com/permissions and begin again with GET /oauth/auth-url.",
      );
    if (scope !== undefined && !/auth\/youtube(\.force-ssl)?( |$)/.test(scope))
      throw new AppError(
        "YOUTUBE_REFUSED",
        "The access to YouTube was not granted; begin again and grant all that is asked for.",
      );
    const connectedAt = this.options.now().toISOString();
    await this.save({ refreshToken, channel: null, connectedAt, problem: null });
    this.verified = false;
    await this.verify();
  }

  /**
   * Forgets the stored token, and tells Google so where it can be reached.
   *
   * @throws AppError where there is none.
   */
  async disconnect(): Promise<void> {
    const { refreshToken } = this.stored;
    if (refreshToken === null)
      throw new AppError(
        "YOUTUBE_NOT_CONNECTED",
        this.options.settings.refreshToken === undefined
          ? "No channel is connected."
          : "The refresh token comes from YOUTUBE_REFRESH_TOKEN; take it out of the environment and restart.",
      );
    await this.save({ refreshToken: null, channel: null, connectedAt: null, problem: null });
    this.verified = false;
    if (this.token !== undefined) this.verifyIn(0);
    try {
      const client = (await this.loaded()).authClient();
      await within(this.options.settings.timeoutMs, client.revokeToken(refreshToken));
    } catch (thrown) {
      const { reason } = failureOf(thrown);
      this.options.logger.warn({ reason }, "Google was not told that the access is given up; it ends there by itself");
    }
  }

  async authorized(): Promise<{ service: YouTubeService; client: AuthClient }> {
    const { token, problem } = this;
    if (token === undefined)
      throw new YouTubeError({
        kind: "disconnected",
        reason: "NOT_CONNECTED",
        message: "No YouTube channel is connected.",
      });
    if (problem !== null) throw new YouTubeError({ kind: "reconnect", reason: problem.code, message: problem.message });
    if (this.current?.token !== token) {
      const library = await this.loaded();
      const client = library.authClient();
      client.setCredentials({ refresh_token: token });
      client.on("tokens", ({ refresh_token: next }) => this.rotated(token, next));
      this.current = { token, client, service: library.service(client) };
    }
    const { client, service } = this.current;
    // Refreshed apart from the call, so that it is known whose failure it was.
    await within(this.options.settings.timeoutMs, client.getAccessToken());
    return { service, client };
  }

  refused(client: AuthClient): void {
    const { refresh_token } = client.credentials;
    client.setCredentials(refresh_token == null ? {} : { refresh_token });
  }

  async lost(error: YouTubeError): Promise<void> {
    const { token } = this;
    if (token === undefined || this.problem !== null) return;
    const at = this.options.now().toISOString();
    this.options.logger.error({ reason: error.reason }, "the connection to YouTube does not count any more");
    await this.save({
      ...this.stored,
      problem: { code: error.reason, message: error.message, at, of: fingerprint(token) },
    });
  }

  private get token(): string | undefined {
    return this.stored.refreshToken ?? this.options.settings.refreshToken;
  }

  private get problem(): StoredAccount["problem"] {
    const { token } = this;
    const { problem } = this.stored;
    return problem !== null && token !== undefined && problem.of === fingerprint(token) ? problem : null;
  }

  private loaded(): Promise<Library> {
    this.library ??= this.options.load();
    return this.library;
  }

  private async save(account: StoredAccount): Promise<void> {
    await this.options.rows.save(account);
    this.stored = account;
    for (const listener of this.listeners) listener();
  }

  /** Google may give another refresh token with an access token; the old one ends with that. */
  private rotated(before: string, next: string | null | undefined): void {
    if (next == null || next === before || this.token !== before) return;
    if (this.current !== undefined) this.current.token = next;
    const connectedAt = this.stored.connectedAt ?? this.options.now().toISOString();
    this.save({ ...this.stored, refreshToken: next, connectedAt }).catch((error: unknown) => {
      this.options.logger.error({ err: toError(error) }, "a new refresh token could not be stored");
    });
  }

  private verifyIn(ms: number): void {
    clearTimeout(this.timer);
    if (this.stopped) return;
    this.timer = setTimeout(() => void asSystem(() => this.verify()), ms);
    this.timer.unref();
  }

  /** Looks whose channel it is. What YouTube says of it is kept; it never rejects. */
  private async verify(): Promise<void> {
    const { token } = this;
    try {
      const channel = (await this.options.channelOf()) ?? null;
      if (this.token !== token && this.current?.token !== this.token) return;
      this.verified = true;
      this.attempts = 0;
      await this.save({ ...this.stored, channel });
      this.verifyIn(VERIFY_EVERY_MS);
    } catch (thrown) {
      const { kind, reason } = failureOf(thrown);
      if (kind === "disconnected" || kind === "reconnect") return;
      this.attempts += 1;
      this.options.logger.warn({ kind, reason }, "the connection to YouTube could not be looked at; it is tried again");
      this.verifyIn(backoffMs(this.attempts, { baseMs: VERIFY_BASE_MS, maxMs: VERIFY_MAX_MS }));
    }
  }
}
