import type { WebhookJob } from "@stream-control/protocol";
import { AllowedNetworks, lookUpAside, resolveAllowed } from "@stream-control/service-kit/egress";
import type { JobReader } from "../jobs/job-reader.js";
import { fromJson } from "../jobs/job-record.js";
import { eventBody, factBody, testBody } from "./body.js";
import { type DeliveryRow, TEST_TYPE } from "./delivery.js";
import type { Hook } from "./hook.js";
import { type PostOutcome, post } from "./post.js";
import type { WebhookSettings } from "./settings.js";
import { signedHeaders } from "./signature.js";

/** One try. */
export interface Attempt {
  /** When it began, in milliseconds since 1970. */
  atMs: number;
  durationMs: number;
  status: number | null;
  retryAfter?: string | undefined;
  /** Why it failed, in a sentence without addresses; null where the receiver took it. */
  error: string | null;
  /** It can never be sent. */
  lost?: true;
}

export interface SenderDeps {
  settings: Pick<WebhookSettings, "networks" | "lookUp" | "timeoutMs">;
  reader: JobReader;
  now: () => Date;
}

const GONE = "Its event is not in the event log any more.";

/**
 * Finds the addresses of receivers, of which only those that may be reached from here.
 *
 * @throws RangeError for networks that can't be read.
 */
export function receiverResolver(settings: Pick<WebhookSettings, "networks" | "lookUp">) {
  const networks = AllowedNetworks.parse(settings.networks);
  const lookUp = settings.lookUp ?? lookUpAside();
  return (host: string): Promise<string[]> => resolveAllowed(host, { networks, lookUp });
}

/** Sends deliveries, each once; what then becomes of them is not its business. */
export class Sender {
  /** Checked addresses of a host. @throws EgressError */
  readonly resolve: (host: string) => Promise<string[]>;

  /** @throws RangeError for networks that can't be read. */
  constructor(private readonly deps: SenderDeps) {
    this.resolve = receiverResolver(deps.settings);
  }

  /** @throws what `signal` was aborted with. */
  async send(hook: Hook, row: Omit<DeliveryRow, "seq">, signal: AbortSignal): Promise<Attempt> {
    const { settings, now } = this.deps;
    const body = await this.bodyOf(row);
    const at = now();
    const atMs = at.getTime();
    if (body === undefined) return { atMs, durationMs: 0, status: null, error: GONE, lost: true };
    const { url, secrets } = hook;
    const headers = signedHeaders(row.id, at, body, secrets);
    const begun = performance.now();
    const outcome = await post(
      { url, headers, body },
      { resolve: this.resolve, timeoutMs: settings.timeoutMs, signal },
    );
    const { status, retryAfter } = outcome;
    return { atMs, durationMs: Math.round(performance.now() - begun), status, retryAfter, error: errorOf(outcome) };
  }

  private async bodyOf(row: Omit<DeliveryRow, "seq">): Promise<string | undefined> {
    if (row.type === TEST_TYPE) return testBody(row);
    if (row.job_id === null && row.event_seq !== null) {
      const fact = await this.deps.reader.fact(row.event_seq);
      return fact && factBody(fact);
    }
    const event = row.event_seq === null ? undefined : await this.deps.reader.event(row.event_seq);
    const job = fromJson<WebhookJob>(row.job);
    return event === undefined || job === null ? undefined : eventBody(event, job);
  }
}

/** Why a receiver did not take something, in a sentence without addresses; null where it did. */
export function errorOf({ status, error }: PostOutcome): string | null {
  if (status === null) return error ?? "There was no answer.";
  if (status >= 200 && status < 300) return null;
  if (status >= 300 && status < 400)
    return `The receiver answered ${status}: redirects are not followed, so give the address that it leads to.`;
  return `The receiver answered ${status}.`;
}
