import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { FakeAccounts, type TokenAnswer } from "./accounts.js";
import { COSTS, FakeApi } from "./api.js";
import { Refusal } from "./errors.js";
import { type Fault, Faults } from "./faults.js";
import type { FakeBroadcast, FakeStream } from "./resources.js";

/** A request that came, as far as tests look at it. */
export interface SeenCall {
  method: string;
  query: URLSearchParams;
  body: unknown;
  status: number;
}

const HTTP_METHODS: Readonly<Record<string, string>> = { GET: "list", POST: "insert", PUT: "update", DELETE: "delete" };

/**
 * YouTube's live API and Google's consent page and token endpoint, on one free port: it answers what they document, keeps
 * broadcasts and streams by their rules, counts the quota, and fails as it is told to. Tests say what encoders do.
 */
export class FakeYouTube implements AsyncDisposable {
  readonly api = new FakeApi();
  readonly accounts = new FakeAccounts();
  readonly faults = new Faults();
  /** Every call in the order of arrival; the token endpoint's are named `token`, `revoke` and `consent`. */
  readonly calls: SeenCall[] = [];
  /** Units of the day. */
  quotaLimit = 10_000;
  quotaUsed = 0;
  private readonly hanging = new Set<ServerResponse>();

  private constructor(private readonly server: Server) {}

  static async start(): Promise<FakeYouTube> {
    const server = createServer();
    const fake = new FakeYouTube(server);
    server.on("request", (request, response) => {
      fake.answer(request, response).catch((thrown: unknown) => {
        response.writeHead(500).end(String(thrown));
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The addresses of everything, as the orchestrator is given them. */
  get addresses() {
    const { url } = this;
    return {
      apiUrl: `${url}/`,
      tokenUrl: `${url}/token`,
      authUrl: `${url}/o/oauth2/v2/auth`,
      revokeUrl: `${url}/revoke`,
    };
  }

  /** How often a method was called. */
  countOf(method: string): number {
    return this.calls.filter((call) => call.method === method).length;
  }

  get broadcasts(): FakeBroadcast[] {
    return [...this.api.broadcasts.values()];
  }
  get streams(): FakeStream[] {
    return [...this.api.streams.values()];
  }

  /** Data arrives at the stream that a broadcast is bound to, or stops arriving. */
  push(broadcastId: string, status: FakeStream["status"] = "active", health?: FakeStream["health"]): void {
    const streamId = this.api.broadcasts.get(broadcastId)?.boundStreamId;
    if (streamId === undefined) throw new Error(`The broadcast "${broadcastId}" has no stream.`);
    this.api.setStreamStatus(streamId, status, health);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const response of this.hanging) response.destroy();
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", this.url);
    const text = await textOf(request);
    const method = methodOf(request.method ?? "GET", url.pathname);
    const fault = this.faults.take(method);
    const seen: SeenCall = { method, query: url.searchParams, body: parsed(text), status: 0 };
    this.calls.push(seen);
    if (fault?.kind === "hang") {
      this.hanging.add(response);
      return;
    }
    if (fault?.kind === "drop") {
      response.destroy();
      return;
    }
    const { status, body, headers } = this.result(method, request, url, text, fault);
    seen.status = status;
    if (fault?.kind === "hang-after") this.hanging.add(response);
    else if (fault?.kind === "drop-after") response.destroy();
    else response.writeHead(status, { "content-type": "application/json", ...headers }).end(body);
  }

  private result(method: string, request: IncomingMessage, url: URL, text: string, fault: Fault | undefined): Result {
    if (fault?.kind === "garbage")
      return { status: fault.status, body: fault.body, headers: { "content-type": "text/html" } };
    const { authorization } = request.headers;
    if (method === "consent") {
      const back = this.accounts.consent(url.searchParams);
      return back === undefined
        ? { status: 400, body: "redirect_uri_mismatch" }
        : { status: 302, body: "", headers: { location: back.href } };
    }
    if (method === "token") return asResult(this.accounts.token(new URLSearchParams(text), authorization));
    if (method === "revoke")
      return asResult(
        this.accounts.revoke(url.searchParams.get("token") ?? new URLSearchParams(text).get("token") ?? ""),
      );
    try {
      if (!this.accounts.accepts(authorization)) throw new Refusal("authError");
      if (fault?.kind === "error") throw new Refusal(fault.reason, fault.status);
      const cost = COSTS[method] ?? 1;
      if (this.quotaUsed + cost > this.quotaLimit) throw new Refusal("quotaExceeded");
      this.quotaUsed += cost;
      const answer = this.api.call(method, { query: url.searchParams, body: (parsed(text) as object | null) ?? {} });
      if (answer === undefined) throw new Refusal("notFound");
      return method.endsWith(".delete") ? { status: 204, body: "" } : { status: 200, body: JSON.stringify(answer) };
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown;
      return { status: thrown.status, body: JSON.stringify(thrown.body()) };
    }
  }
}

interface Result {
  status: number;
  body: string;
  headers?: Record<string, string>;
}

const asResult = ({ status, body }: TokenAnswer): Result => ({ status, body: JSON.stringify(body) });

/** `liveBroadcasts.insert` and the like. */
function methodOf(http: string, path: string): string {
  if (path === "/token" || path === "/revoke") return path.slice(1);
  if (path === "/o/oauth2/v2/auth") return "consent";
  const [, resource = "", verb] = /^\/youtube\/v3\/(\w+)(?:\/(\w+))?$/.exec(path) ?? [];
  return `${resource}.${verb ?? HTTP_METHODS[http] ?? http}`;
}

async function textOf(request: IncomingMessage): Promise<string> {
  request.setEncoding("utf8");
  let text = "";
  for await (const part of request) text += String(part);
  return text;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
