import type { AgentRecord, JobEvent, JobRecord, Page } from "@stream-control/protocol";

/** Longest wait for one answer: an orchestrator that is frozen never gives any. */
const ANSWER_MS = 3000;
/** Longest wait for the whole log. */
const EXPORT_MS = 60_000;
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
  async events(jobId: string): Promise<JobEvent[]> {
    const events: JobEvent[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const more = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const page: Page<JobEvent> = await this.get(`/v1/jobs/${jobId}/events?limit=${PAGE}${more}`);
      events.push(...page.items);
      cursor = page.nextCursor;
    }
    return events;
  }

  /** The number of every entry of the whole log, as it was exported. */
  async loggedNumbers(): Promise<number[]> {
    const response = await this.fetch("/v1/audit/export", {}, EXPORT_MS);
    if (!response.ok) throw new RefusedError(response.status, await response.text());
    const lines = (await response.text()).split("\n").filter((line) => line !== "");
    return lines.map((line) => (JSON.parse(line) as { seq: number }).seq);
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

  private async get<T>(path: string): Promise<T> {
    const response = await this.fetch(path);
    if (!response.ok) throw new RefusedError(response.status, await response.text());
    return (await response.json()) as T;
  }

  private fetch(path: string, init: RequestInit = {}, mayTakeMs = ANSWER_MS): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.port}${path}`, { ...init, signal: AbortSignal.timeout(mayTakeMs) });
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
