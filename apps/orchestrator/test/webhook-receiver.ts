import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { waitFor } from "@stream-control/test-kit";

/** One request, as it came. */
export interface Received {
  headers: IncomingHttpHeaders;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: what is sent is what is tested.
  body: any;
  atMs: number;
}

/** A status, a whole answer, or nothing at all. */
export type Behaviour =
  | number
  | "hang"
  | "cut"
  | { status: number; headers?: Record<string, string>; body?: string; endless?: boolean };

/** A real HTTP server that takes webhooks, and can fail in every way that receivers do. */
export class Receiver implements AsyncDisposable {
  readonly received: Received[] = [];
  /** What the next ones are answered; after these, 204. */
  readonly answers: Behaviour[] = [];
  /** What those are answered that have no answer of their own. */
  usually: Behaviour | ((received: Received) => Behaviour) = 204;
  private readonly hanging = new Set<ServerResponse>();

  private constructor(
    private readonly server: Server,
    private readonly scheme: string,
  ) {
    server.on("request", (request, response: ServerResponse) => {
      let text = "";
      request.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      request.on("end", () => {
        const taken = { headers: request.headers, text, body: JSON.parse(text), atMs: Date.now() };
        this.received.push(taken);
        const usual = typeof this.usually === "function" ? this.usually(taken) : this.usually;
        this.answer(response, this.answers.shift() ?? usual);
      });
    });
  }

  static async open(tls?: { cert: string; key: string }, port = 0): Promise<Receiver> {
    const server = tls === undefined ? createServer() : createTlsServer(tls);
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return new Receiver(server, tls === undefined ? "http" : "https");
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `${this.scheme}://${this.scheme === "https" ? "localhost" : "127.0.0.1"}:${this.port}/hooks/T0P`;
  }

  get types(): string[] {
    return this.received.map(({ body }) => body.type);
  }

  /** The received ones of a type, as soon as there are so many. */
  async ofType(type: string, count = 1): Promise<Received[]> {
    const found = () => this.received.filter(({ body }) => body.type === type);
    await waitFor(() => found().length >= count, { what: `${count} of ${type}, of ${this.types}` });
    return found();
  }

  /** Takes what hangs. */
  release(): void {
    for (const response of this.hanging) response.writeHead(204).end();
    this.hanging.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const response of this.hanging) response.destroy();
    this.server.closeAllConnections();
    if (this.server.listening) await new Promise((resolve) => this.server.close(resolve));
  }

  private answer(response: ServerResponse, how: Behaviour): void {
    if (how === "hang") this.hanging.add(response);
    else if (how === "cut") response.destroy();
    else if (typeof how === "number") response.writeHead(how).end("It is noted.");
    else {
      response.writeHead(how.status, how.headers);
      if (how.endless !== true) response.end(how.body);
      else {
        this.hanging.add(response);
        response.write("It is");
      }
    }
  }
}

/** Whether one of a request's signatures is made with the secret, as receivers check it. */
export function isSignedWith(secret: string, { headers, text }: Received): boolean {
  const [id, timestamp, signatures] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map((name) =>
    String(headers[name]),
  );
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > 300) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const right = createHmac("sha256", key).update(`${id}.${timestamp}.${text}`).digest("base64");
  return (signatures ?? "").split(" ").includes(`v1,${right}`);
}
