import type { IncomingMessage } from "node:http";
import type { Store } from "@stream-control/store";
import type { AuditRecorder } from "../audit/recorder.js";
import { AppError } from "../errors.js";
import { tooMany } from "../http/errors.js";
import type { Logger } from "../logger.js";
import { ApiKeys } from "./api-keys.js";
import { isLocal, LOCAL_PRINCIPAL } from "./local-caller.js";
import { holdsSomewhere, type Principal } from "./principal.js";
import { sameText } from "./secret-token.js";
import { readSessionCookie } from "./session-cookie.js";
import { type Session, Sessions } from "./sessions.js";
import type { AccessTables } from "./tables.js";
import { Tickets } from "./tickets.js";
import { Users } from "./users.js";

/** Whoever sent a request or opened a socket. */
export interface Caller {
  readonly principal: Principal;
  /** The session that lets them in, by its cookie or by a ticket that was asked for with it. */
  readonly session: Session | null;
  /** They sent a cookie, which a browser does whoever asks it to. */
  readonly byCookie: boolean;
}

/**
 * `required`: nothing without credentials. `loopback`: requests of this very machine need none, all others do. `off`:
 * everybody may do everything.
 */
export const ACCESS_MODES = ["required", "loopback", "off"] as const;
export type AccessMode = (typeof ACCESS_MODES)[number];

/** Slows down who guesses: a name at an address, and an address. */
export interface Guesses {
  /** @returns 0 where a try is allowed, otherwise the milliseconds until it is. */
  check(address: string, name: string): number;
  failed(address: string, name: string): void;
  succeeded(address: string, name: string): void;
}

export interface AccessOptions {
  store: Store<AccessTables>;
  logger: Logger;
  mode: AccessMode;
  /** Name of the service, part of its cookie's name. */
  service: string;
  guesses: Guesses;
  /** Enters in the event log who was let in, and what was done to keys and users. */
  audit: Pick<AuditRecorder, "record">;
  /** Address of whoever sent a request, behind the proxies that are trusted. */
  addressOf: (request: IncomingMessage) => string;
  /** Whether a request came over TLS, to us or to a proxy that is trusted. */
  isSecure: (request: IncomingMessage) => boolean;
  /** Origins whose pages may act with a session's cookie, beside the service's own. */
  allowedOrigins?: readonly string[] | undefined;
  now?: () => Date;
}

/** Who is asking: the one place where requests and sockets of people and programs are told apart. */
export class Access {
  readonly keys: ApiKeys;
  readonly users: Users;
  readonly sessions: Sessions;
  readonly tickets: Tickets;
  private readonly callers = new WeakMap<IncomingMessage, Caller>();
  private readonly endListeners = new Set<() => void>();

  constructor(readonly options: AccessOptions) {
    const { store, logger, now = () => new Date() } = options;
    this.keys = new ApiKeys(store, logger, now);
    this.users = new Users(store, now);
    this.sessions = new Sessions(store, now);
    this.tickets = new Tickets(store, now);
  }

  /**
   * Makes the admin key of a service that has neither key nor user yet.
   *
   * @returns its text, to be shown once; undefined where somebody can get in already.
   */
  async firstKey(): Promise<string | undefined> {
    if ((await this.keys.list()).length > 0 || !(await this.users.none())) return undefined;
    const { key } = await this.keys.create({ name: "first admin", grants: { "*": "admin" }, createdBy: null });
    return key;
  }

  /** Calls the listener whenever a key, user or session may have lost rights, so that open sockets are looked at again. */
  onRightsChanged(listener: () => void): () => void {
    this.endListeners.add(listener);
    return () => this.endListeners.delete(listener);
  }

  rightsChanged(): void {
    for (const listener of this.endListeners) listener();
  }

  /** The caller of a request that went through {@link authenticate}. */
  callerOf(request: IncomingMessage): Caller | undefined {
    return this.callers.get(request);
  }

  /** @throws AppError `UNAUTHENTICATED`. */
  requireCaller(request: IncomingMessage): Caller {
    const caller = this.callers.get(request);
    if (caller === undefined) throw unauthenticated();
    return caller;
  }

  /**
   * Finds out who sent a request; undefined for somebody who showed nothing. Answers at once where nothing must be read.
   *
   * @throws AppError `UNAUTHENTICATED` for credentials that are wrong, expired or revoked; `RATE_LIMITED` for too many.
   */
  authenticate(request: IncomingMessage): Caller | undefined | Promise<Caller | undefined> {
    const { authorization, cookie } = request.headers;
    if (authorization !== undefined) {
      const found = this.byBearer(authorization);
      if (found instanceof Promise) return found.then((principal) => this.accept(request, principal));
      return this.accept(request, found);
    }
    const { service, isSecure } = this.options;
    const id = readSessionCookie(cookie, service, isSecure(request));
    if (id !== undefined) return this.bySession(id).then((caller) => this.keep(request, caller ?? this.local(request)));
    return this.keep(request, this.local(request));
  }

  /** The caller whom a ticket was issued to. A ticket counts once. */
  async byTicket(request: IncomingMessage, ticket: string): Promise<Caller> {
    const holder = await this.tickets.redeem(ticket);
    const session = holder?.sessionHash == null ? null : await this.sessions.byHash(holder.sessionHash);
    const gone = holder?.sessionHash != null && session === undefined;
    return this.accept(
      request,
      holder === undefined || gone ? undefined : await this.principalOf(holder.principalId),
      session ?? null,
    );
  }

  /** What somebody who was let in may do now; undefined where it is nothing any more. */
  async stillIn({ principal, session }: Caller): Promise<Principal | undefined> {
    if (session !== null && (await this.sessions.byHash(session.hash)) === undefined) return undefined;
    return this.principalOf(principal.id);
  }

  /**
   * A session's cookie is sent by the browser whoever's page asks for it. What changes something must therefore carry
   * what only our own pages can read.
   *
   * @throws AppError `CSRF_FAILED`.
   */
  requireIntent(request: IncomingMessage, caller: Caller): void {
    if (!caller.byCookie || request.method === "GET" || request.method === "HEAD") return;
    this.requireOwnPage(request);
    const token = request.headers["x-csrf-token"];
    if (typeof token !== "string" || caller.session === null || !sameText(token, caller.session.csrfToken))
      throw new AppError("CSRF_FAILED", "Send the session's csrfToken (GET /v1/session) as X-CSRF-Token.");
  }

  /** @throws AppError `CSRF_FAILED` for a request that a page of another origin made, unless that one is allowed. */
  requireOwnPage(request: IncomingMessage): void {
    const { origin, host } = request.headers;
    if (origin === undefined) {
      if (request.headers["sec-fetch-site"] !== "cross-site") return;
    } else if (URL.parse(origin)?.host === host || this.options.allowedOrigins?.includes(origin)) return;
    throw new AppError(
      "CSRF_FAILED",
      "A page of another origin may not do this; ALLOWED_ORIGINS names those that may.",
    );
  }

  private byBearer(header: string): Principal | undefined | Promise<Principal | undefined> {
    const token = /^Bearer +(\S{1,512}) *$/i.exec(header)?.[1];
    return token === undefined ? undefined : this.keys.verify(token);
  }

  private async bySession(id: string): Promise<Caller | undefined> {
    const session = await this.sessions.find(id);
    if (session === undefined) return undefined;
    const principal = await this.principalOf(session.principalId);
    return principal === undefined ? undefined : { principal, session, byCookie: true };
  }

  private async principalOf(id: string): Promise<Principal | undefined> {
    if (id === LOCAL_PRINCIPAL.id) return this.options.mode === "required" ? undefined : LOCAL_PRINCIPAL;
    const [kind, rest = ""] = id.split(":", 2);
    return kind === "key" ? this.keys.byId(rest) : this.users.byId(rest);
  }

  private local(request: IncomingMessage): Caller | undefined {
    const { mode } = this.options;
    const peerAddress = request.socket.remoteAddress;
    const may =
      mode === "off" ||
      (mode === "loopback" && isLocal({ peerAddress, headers: request.headers }, this.options.allowedOrigins));
    return may ? LOCAL_CALLER : undefined;
  }

  private accept(request: IncomingMessage, principal: Principal | undefined, session: Session | null = null): Caller {
    const { guesses, addressOf } = this.options;
    if (principal !== undefined && holdsSomewhere(principal.grants, "viewer")) {
      const caller = { principal, session, byCookie: false };
      this.callers.set(request, caller);
      return caller;
    }
    const address = addressOf(request);
    // Whoever has a key that counts is never kept out by what others at the same address tried.
    const waitMs = guesses.check(address, CREDENTIALS);
    if (waitMs > 0) throw tooMany(waitMs, "Too many wrong credentials came from this address.");
    guesses.failed(address, CREDENTIALS);
    throw new AppError("UNAUTHENTICATED", "These credentials are wrong, expired or revoked.");
  }

  private keep(request: IncomingMessage, caller: Caller | undefined): Caller | undefined {
    if (caller !== undefined) this.callers.set(request, caller);
    return caller;
  }
}

/** What wrong keys and tickets are counted under; they have no name that counts before they are known. */
const CREDENTIALS = "credentials";

const LOCAL_CALLER: Caller = { principal: LOCAL_PRINCIPAL, session: null, byCookie: false };

export const unauthenticated = (): AppError =>
  new AppError(
    "UNAUTHENTICATED",
    "Sign in, or send an API key as Authorization: Bearer <key>. An admin can make one with POST /v1/keys.",
  );
