import type { ErrorBody, Page, SessionRecord, Ticket } from "@stream-control/protocol";

/** A request that was answered with an error, in the orchestrator's own words. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  /** @param status of HTTP; 0 where there was no answer. */
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details?: unknown,
  ) {
    super(message);
  }
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
type Parameters = Record<string, string | number | boolean | undefined>;

/** Asks the orchestrator that serves this page, as whoever is signed in. */
export class OrchestratorApi {
  /** What a session by cookie shows with whatever changes something; null where nobody needs to sign in. */
  private csrfToken: string | null = null;

  /** @returns the session, or null where somebody has to sign in first. */
  async session(): Promise<SessionRecord | null> {
    try {
      return this.remember(await this.get<SessionRecord>("/v1/session"));
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return null;
      throw error;
    }
  }

  async signIn(given: { key: string } | { login: string; password: string }): Promise<SessionRecord> {
    return this.remember(await this.send<SessionRecord>("POST", "/v1/session", given));
  }

  async signOut(): Promise<void> {
    await this.send("DELETE", "/v1/session");
    this.csrfToken = null;
  }

  /** Whether the orchestrator answers, whatever it says. */
  async isThere(): Promise<boolean> {
    try {
      await fetch("/healthz", { signal: AbortSignal.timeout(5000) });
      return true;
    } catch {
      return false;
    }
  }

  /** The address of a socket: a session opens it with a ticket, which counts once. */
  async socketAddress(path: string): Promise<string> {
    const address = `${location.origin.replace(/^http/, "ws")}${path}`;
    if (this.csrfToken === null) return address;
    const { ticket } = await this.send<Ticket>("POST", "/v1/tickets");
    return `${address}?ticket=${encodeURIComponent(ticket)}`;
  }

  /**
   * Reads something.
   *
   * @throws {ApiError}
   */
  get<T>(path: string, parameters: Parameters = {}, signal?: AbortSignal): Promise<T> {
    const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== "");
    const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
    return this.ask<T>("GET", query === "" ? path : `${path}?${query}`, undefined, signal);
  }

  /** Every entry of a list that comes in pages, up to a number of them. */
  async all<T>(path: string, parameters: Parameters = {}, atMost = 5000): Promise<T[]> {
    const items: T[] = [];
    let cursor: string | undefined;
    do {
      const page: Page<T> = await this.get<Page<T>>(path, { limit: 500, ...parameters, cursor });
      items.push(...page.items);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined && items.length < atMost);
    return items;
  }

  /**
   * Changes something.
   *
   * @throws {ApiError}
   */
  send<T>(method: Exclude<Method, "GET">, path: string, body?: unknown): Promise<T> {
    return this.ask<T>(method, path, body);
  }

  private remember(session: SessionRecord): SessionRecord {
    this.csrfToken = session.csrfToken;
    return session;
  }

  private async ask<T>(method: Method, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    const headers = {
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      ...(method === "GET" || this.csrfToken === null ? {} : { "X-CSRF-Token": this.csrfToken }),
    };
    let response: Response;
    try {
      response = await fetch(path, {
        method,
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (cause) {
      if (signal?.aborted === true) throw cause;
      throw new ApiError(0, "UNREACHABLE", "The orchestrator cannot be reached. It was not asked; try again.");
    }
    const answer = readJson(await response.text());
    if (response.ok) return answer as T;
    const error = answer as Partial<ErrorBody> | undefined;
    throw new ApiError(
      response.status,
      error?.code ?? "ERROR",
      error?.error ?? `The orchestrator answered with ${response.status}.`,
      error?.details,
    );
  }
}

function readJson(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** An error in a sentence. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
