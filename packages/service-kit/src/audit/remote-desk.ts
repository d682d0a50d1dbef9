import {
  type ChainReport,
  chainCheckLineSchema,
  type EraseReply,
  type EraseRequest,
  eraseReplySchema,
  errorBodySchema,
  type LogHead,
  logHeadSchema,
} from "@stream-control/protocol";
import type { AuditDesk } from "./desk.js";
import type { AuditFilter } from "./reader.js";
import type { VerifyOptions } from "./verify.js";

/** The desk of a running service, asked through REST. */
export class RemoteDesk implements AuditDesk {
  /**
   * @param url of the service, such as `http://127.0.0.1:8080`.
   * @param apiKey of an administrator, where the service asks for one.
   */
  constructor(
    private readonly url: string,
    private readonly apiKey: string | undefined,
  ) {}

  async head(): Promise<LogHead> {
    return logHeadSchema.parse(await (await this.ask("head")).json());
  }

  async verify({ expect, onProgress }: VerifyOptions): Promise<ChainReport> {
    const query = expect === undefined ? "" : `?expect=${expect.seq}:${expect.hash}`;
    const response = await this.ask(`verify${query}`);
    let rest = "";
    for await (const piece of texts(response)) {
      const lines = (rest + piece).split("\n");
      rest = lines.pop() ?? "";
      for (const text of lines) {
        const said = chainCheckLineSchema.parse(JSON.parse(text));
        if ("report" in said) return said.report;
        onProgress?.(said.checked, said.of);
      }
    }
    throw new Error("The service broke the check off; its log says why.");
  }

  async *export(filter: AuditFilter): AsyncGenerator<string> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(filter))
      if (value !== undefined) query.set(name, Array.isArray(value) ? value.join() : value);
    yield* texts(await this.ask(`export?${query}`));
  }

  async erase(request: EraseRequest): Promise<EraseReply> {
    return eraseReplySchema.parse(await (await this.ask("erase", request)).json());
  }

  private async ask(path: string, body?: unknown): Promise<Response> {
    const response = await fetch(`${this.url.replace(/\/+$/, "")}/v1/audit/${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(this.apiKey === undefined ? {} : { authorization: `Bearer ${this.apiKey}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (response.ok) return response;
    const answer = errorBodySchema.safeParse(await response.json().catch(() => undefined));
    const why = answer.success ? answer.data.error : "It gave no reason.";
    throw new Error(`The service answered with ${response.status}: ${why}`);
  }
}

async function* texts({ body }: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  for await (const bytes of body ?? []) yield decoder.decode(bytes, { stream: true });
}
