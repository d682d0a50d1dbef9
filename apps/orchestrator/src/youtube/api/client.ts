import type { Logger } from "@stream-control/service-kit";
import type { z } from "zod";
import { type Purpose, UNITS } from "../quota/allowance.js";
import type { QuotaBudget } from "../quota/budget.js";
import { YouTubeError } from "./errors.js";
import { failureOf, within } from "./failures.js";
import type { AuthClient, YouTubeService } from "./library.js";

/** The account in whose name calls are made. */
export interface Account {
  /** @throws YouTubeError `disconnected` or `reconnect`; `retry` where Google's sign-in cannot be reached. */
  authorized(): Promise<{ service: YouTubeService; client: AuthClient }>;
  /** What YouTube answered with one access token; ends that token, so that the next call gets a new one. */
  refused(client: AuthClient): void;
  /** The access does not count any more. */
  lost(error: YouTubeError): Promise<void>;
}

export interface CallerOptions {
  account: Account;
  budget: QuotaBudget;
  timeoutMs: number;
  logger: Logger;
}

/** Given to the library with each call: repeating is our business, and each call ends. */
export interface CallSettings {
  timeout: number;
  retry: false;
  signal: AbortSignal;
}

/** One call of the API. */
export interface Call<S extends z.ZodType> {
  /** As YouTube names it, such as `liveBroadcasts.bind`. */
  method: string;
  purpose: Purpose;
  units?: number;
  /** What is used of the answer. */
  answer: S;
  run: (service: YouTubeService, settings: CallSettings) => Promise<{ data: unknown }>;
}

/** Makes calls: within the quota, with a deadline, once; and says of each failure what can be done about it. */
export class ApiCaller {
  private readonly ending = new AbortController();

  constructor(private readonly options: CallerOptions) {}

  /** Ends every call that is under way; what became of them is not known. */
  stop(): void {
    this.ending.abort();
  }

  /** @throws YouTubeError. */
  async call<S extends z.ZodType>(wanted: Call<S>): Promise<z.infer<S>> {
    const { method, purpose, units = UNITS.write } = wanted;
    try {
      return await this.attempt(wanted, true);
    } catch (thrown) {
      const error = failureOf(thrown);
      const { kind, reason, unsure } = error;
      this.options.logger.warn({ method, purpose, units, kind, reason, unsure }, "a call to YouTube failed");
      if (error.kind === "reconnect") await this.options.account.lost(error);
      if (reason === "quotaExceeded" && kind !== "quota") throw await this.options.budget.exhaust();
      throw error;
    }
  }

  private async attempt<S extends z.ZodType>(wanted: Call<S>, mayRefresh: boolean): Promise<z.infer<S>> {
    const { account, budget, timeoutMs, logger } = this.options;
    const { method, purpose, units = UNITS.write, answer, run } = wanted;
    const { service, client } = await account.authorized();
    await budget.spend(purpose, units);
    const { signal } = this.ending;
    const settings: CallSettings = { timeout: timeoutMs, retry: false, signal };
    try {
      const { data } = await within(timeoutMs, run(service, settings), signal);
      const read = answer.safeParse(data);
      if (read.success) return read.data;
      logger.error({ method, paths: read.error.issues.map(({ path }) => path.join(".")) }, "YouTube's answer is odd");
      throw new YouTubeError({
        ...{ kind: "retry", reason: "ODD_ANSWER", unsure: true },
        message: "YouTube answered in a way that is not understood; it is tried again.",
      });
    } catch (thrown) {
      const error = failureOf(thrown);
      // An access token can end before its time; a new one tells whether the access itself has.
      if (error.reason !== "authError" || !mayRefresh) throw error;
      account.refused(client);
      return this.attempt(wanted, false);
    }
  }
}
