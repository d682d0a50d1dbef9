import {
  type AgentRecord,
  type AuditEntry,
  type ChainReport,
  chainCheckLineSchema,
  type JobEvent,
  type JobRecord,
  type LogHead,
  type Page,
} from "@stream-control/protocol";

/** Longest wait for one answer: an orchestrator that is frozen never gives any. */
const ANSWER_MS = 3000;
/** A check looks at the whole log. */
const CHECK_MS = 60_000;
/** The largest page of events. */
const PAGE = 1000;

/** The orchestrator as a customer sees it: REST alone. */
export class Api {
  constructor(private readonly port: number) {}

  async healthy(): Promise<boolean> {
    return (await this.fetch("/healthz")).ok;
  }

  agents(): Promise<AgentRecord[]> {
    return this.get("/v1/agents");
  }

  jobs(): Promise<JobRecord[]> {
    return this.get("/v1/jobs");
  }

  /** All events of a job, in the order of the log. */
  events(jobId: string): Promise<JobEvent[]> {
    return this.pages(`/v1/jobs/${jobId}/events?limit=${PAGE}`);
  }

  /** The whole event log. */
  log(): Promise<AuditEntry[]> {
    return this.pages(`/v1/audit?order=asc&limit=${PAGE}`);
  }

  /** Where the log ends now. */
  head(): Promise<LogHead> {
    return this.get("/v1/audit/head");
  }

  /** What a check of the log says, which must still have an earlier head. */
  async verify({ seq, hash }: LogHead): Promise<ChainReport> {
    const response = await this.fetch(`/v1/audit/verify?expect=${seq}:${hash}`, {}, CHECK_MS);
    const last = chainCheckLineSchema.parse(JSON.parse((await response.text()).trim().split("\n").at(-1) ?? ""));
    if (!("report" in last)) throw new Error("The check of the log was broken off.");
    return last.report;
  }

  /** @throws where no answer comes, or one that is no success. */
  async post<T>(path: string, body?: object): Promise<T> {
    const response = await this.fetch(path, {
      method: "POST",
      ...(body === undefined ? {} : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new RefusedError(response.status, await response.text());
    return (await response.json()) as T;
  }

  private async pages<T>(path: string): Promise<T[]> {
    const all: T[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const more = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const page: Page<T> = await this.get(path + more);
      all.push(...page.items);
      cursor = page.nextCursor;
    }
    return all;
  }

  private async get<T>(path: string): Promise<T> {
    const response = await this.fetch(path);
    if (!response.ok) throw new RefusedError(response.status, await response.text());
    return (await response.json()) as T;
  }

  private fetch(path: string, init: RequestInit = {}, answerMs = ANSWER_MS): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.port}${path}`, { ...init, signal: AbortSignal.timeout(answerMs) });
  }
}

/** The orchestrator answered, but not with a success. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  constructor(
    readonly status: number,
    text: string,
  ) {
    super(`The request was answered with ${status}: ${text.slice(0, 300)}`);
  }
}
