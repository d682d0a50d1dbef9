import type { CallbackEvent } from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import type { GuardFamily, Guards } from "../../resilience/guards.js";
import { post } from "../../webhooks/post.js";
import { errorOf } from "../../webhooks/sender.js";
import type { WebhookSettings } from "../../webhooks/settings.js";
import { signedHeaders } from "../../webhooks/signature.js";
import type { RetryPolicy } from "../../workflows/definition.js";
import { StepError, type StepHandler } from "../../workflows/kind.js";
import type { Renders } from "../renders.js";
import { renderStatus } from "../status.js";
import type { RenderInput } from "../workflow/render-input.js";
import type { CallbackSecrets } from "./secrets.js";

const GONE = 410;

export interface NotifyDeps {
  renders: Pick<Renders, "view">;
  secrets: Pick<CallbackSecrets, "of">;
  settings: Pick<WebhookSettings, "timeoutMs">;
  /** Checked addresses of a receiver. @throws EgressError */
  resolve: (host: string) => Promise<string[]>;
  guards: GuardFamily;
  now: () => Date;
}

/** Tells the client what came of its render: one signed request, the same `webhook-id` at every try. */
export const notifyStep =
  ({ renders, secrets, settings, resolve, guards, now }: NotifyDeps): StepHandler =>
  async ({ run, input, signal }) => {
    const { request, base = "" } = (await input()) as RenderInput;
    const url = request.callback_url ?? request.webhook_url;
    if (url === undefined) return undefined;
    const { outcome, generation } = run.state;
    if (outcome === null) throw new Error("A callback before the outcome is known.");
    const event: CallbackEvent = {
      type: `render.${outcome}`,
      timestamp: run.updatedAt,
      data: renderStatus(await renders.view(run, base)),
    };
    const body = JSON.stringify(event);
    const at = now();
    const headers = signedHeaders(`msg_${run.id}_${generation}`, at, body, await secrets.of(run.room));
    const send = async (within: AbortSignal) => {
      const sent = await post({ url, headers, body }, { resolve, timeoutMs: settings.timeoutMs, signal: within });
      const message = errorOf(sent);
      if (message === null)
        return { output: { delivered_at: now().toISOString(), response_status: sent.status ?? undefined } };
      if (sent.status === null || sent.status >= 500)
        throw new ReceiverDown({ code: "CALLBACK_FAILED", message }, true);
      // Whoever answers so will never want it.
      throw new StepError({ code: "CALLBACK_FAILED", message }, sent.status !== GONE);
    };
    try {
      return await guards.of(URL.parse(url)?.host ?? "").run(send, signal);
    } catch (thrown) {
      if (!(thrown instanceof AppError)) throw thrown;
      throw new StepError({ code: "CALLBACK_FAILED", message: thrown.message }, true);
    }
  };

/** The receiver did not answer, or said that it is in trouble itself. */
class ReceiverDown extends StepError {}

/** Stands before callbacks, for each host of receivers; the steps that send them try again by themselves. */
export const callbackGuards = (guards: Guards): GuardFamily =>
  guards.family("callbacks", { isFailure: (thrown) => thrown instanceof ReceiverDown });

/** How long a receiver that is away is tried: as webhooks are. */
export function notifyRetry({
  retryBaseMs,
  retryMaxMs,
  giveUpMs,
}: Pick<WebhookSettings, "retryBaseMs" | "retryMaxMs" | "giveUpMs">): RetryPolicy {
  const factor = 2;
  let retries = 0;
  // Each pause is three quarters of its bound in the middle.
  for (let ms = 0; ms < giveUpMs && retries < 1000; retries += 1)
    ms += 0.75 * Math.min(retryMaxMs, retryBaseMs * factor ** Math.min(30, retries));
  return { retries, backoffMs: retryBaseMs, factor, maxMs: retryMaxMs };
}
