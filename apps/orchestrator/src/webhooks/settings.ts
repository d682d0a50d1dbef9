import { ConfigError, envVar } from "@stream-control/service-kit";
import { AllowedNetworks, type LookUp } from "@stream-control/service-kit/egress";
import type { z } from "zod";

/** How webhooks are sent. Times are milliseconds. */
export interface WebhookSettings {
  /** Where they may be sent: as in `ALLOWED_NETWORKS` of an agent, such as `public` or `192.168.7.0/24`. */
  networks: readonly string[];
  /** Who is asked for names; the system's name servers unless given. */
  lookUp?: LookUp;
  /** Addresses with plain http may be on other machines, too. */
  plainHttp: boolean;
  /** How long a receiver may take for its answer. */
  timeoutMs: number;
  /** First and longest pause before something is tried again. */
  retryBaseMs: number;
  retryMaxMs: number;
  /** How long something is tried. */
  giveUpMs: number;
  /** A webhook that has failed for so long is switched off. */
  offAfterMs: number;
  /** Deliveries of a webhook that are kept in its log, beside those that are pending. */
  kept: number;
}

/** Where webhooks may be sent unless it is said otherwise; in production nothing of the house's own network. */
const USUAL_NETWORKS = { production: ["public"], development: ["public", "private", "loopback"] } as const;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

export const DEFAULT_WEBHOOKS: WebhookSettings = {
  networks: USUAL_NETWORKS.development,
  plainHttp: true,
  timeoutMs: 10_000,
  retryBaseMs: 5000,
  retryMaxMs: 60 * MINUTE_MS,
  giveUpMs: DAY_MS,
  offAfterMs: 3 * DAY_MS,
  kept: 1000,
};

/** Variables about webhooks; to be spread into the service's own. */
export const webhookVariables = {
  WEBHOOK_NETWORKS: envVar.list().optional(),
  ALLOW_PLAIN_WEBHOOKS: envVar.flag().optional(),
};

/**
 * Turns the variables into settings.
 *
 * @throws ConfigError that names what is wrong.
 */
export function readWebhooks(
  values: z.infer<z.ZodObject<typeof webhookVariables>>,
  production: boolean,
): WebhookSettings {
  const networks = values.WEBHOOK_NETWORKS ?? USUAL_NETWORKS[production ? "production" : "development"];
  try {
    AllowedNetworks.parse(networks);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError(`The configuration is wrong: WEBHOOK_NETWORKS: ${why}.`, { cause });
  }
  return { ...DEFAULT_WEBHOOKS, networks, plainHttp: values.ALLOW_PLAIN_WEBHOOKS ?? !production };
}
